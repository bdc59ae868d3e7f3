"""Grafana as code: dashboards written by build.py, and what provisions them."""
