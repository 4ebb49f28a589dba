"""The words of brownout as values: asks, answers, replies, faults, keys, clocks. Standard library only."""
