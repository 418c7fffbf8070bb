"""The workload's memory in compiled code: pages, touches, contents, huge pages."""
