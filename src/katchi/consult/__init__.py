"""Consultation: stances, rules for our own acts, receipts, posts on duty."""
