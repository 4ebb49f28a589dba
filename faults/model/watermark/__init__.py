"""Watermarks: text that says by itself which text it is, made again from a key to measure how much of it arrived."""
