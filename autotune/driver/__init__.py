"""The real kernel: DAMON driven over its sysfs files, and what is needed to leave no trace of it."""
