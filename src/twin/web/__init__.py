"""The web app: sign up, give chats, watch the twin grow, talk with it."""

from twin.web.app import create_app

__all__ = ["create_app"]
