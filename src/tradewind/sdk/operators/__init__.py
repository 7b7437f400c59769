"""Operators that come with Tradewind."""
