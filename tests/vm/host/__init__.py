"""The development machine's side of the test grounds: building, booting and listening to the VMs."""
