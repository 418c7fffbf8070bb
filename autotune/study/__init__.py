"""The loop: propose, measure, tell, confirm."""
