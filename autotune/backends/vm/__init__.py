"""Linux itself, in a disposable virtual machine."""
