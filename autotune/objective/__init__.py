"""What is sought: metrics, expressions of them, objectives, and the arithmetic of fronts."""
