"""The faults, one file each, and the incidents (named presets) in incidents.yaml."""
