"""Objects on their way to partners: what is sent of each, to whom, in which words."""
