"""DAMON in compiled code: the kdamond's passes, regions, schemes and their actions."""
