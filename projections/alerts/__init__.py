"""Alerts: which answers raise one, its id and its marks; pure. ``store`` and ``read_api`` do the rest."""

from projections.alerts.rules import Rule, Rules, alert_id, read_rules

__all__ = ["Rule", "Rules", "alert_id", "read_rules"]
