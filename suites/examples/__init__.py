"""Small apps, each with its brownout.yaml: to start from, and to show that brownout can test them."""
