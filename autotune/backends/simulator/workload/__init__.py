"""What runs in compiled code: a pattern that is played, or a recording that is replayed."""
