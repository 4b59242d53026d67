"""Launchers for people who run, test and measure the project; the product itself never imports this."""
