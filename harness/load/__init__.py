"""Load: the schedule of requests, and the Locust child that sends them."""
