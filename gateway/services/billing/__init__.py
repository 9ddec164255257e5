"""What transactions cost: Sessions, CDRs, tariffs, and what drivers and stations are told."""
