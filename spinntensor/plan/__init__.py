"""Planning: stages become tiles on cores, with their times, places and order, for one machine."""
