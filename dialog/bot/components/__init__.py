"""Rasa components of the hotline's bot: its channel, its graph components, its tracker store. Import only rasa."""
