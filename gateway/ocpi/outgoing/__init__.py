"""Requests to partners: how they are sent, whom they are addressed to, what answers mean."""
