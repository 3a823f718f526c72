"""Sends a message as a mail."""

from __future__ import annotations

import hashlib
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from include.notifications.answer import Answer
from include.notifications.message import Message
from include.notifications.target import MailTarget

if TYPE_CHECKING:
    import smtplib


def send_mail(message: Message, target: MailTarget, timeout_s: float) -> Answer:
    """Send once; it counts as delivered when the server has taken it for somebody."""
    import smtplib
    import ssl

    try:
        with _connect(target, timeout_s) as server:
            if target.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if target.login:
                server.login(target.login, target.secret)
            refused = server.send_message(build_mail(message, target))
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return Answer(False, f"{type(error).__name__}: {error}")
    taken = len(target.recipients) - len(refused)
    return Answer(True, f"taken for {taken} of {len(target.recipients)} recipients {refused or ''}".strip())


def _connect(target: MailTarget, timeout_s: float) -> smtplib.SMTP:
    import smtplib
    import ssl

    if target.security == "ssl":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(target.host, target.port, timeout=timeout_s, context=context)
    return smtplib.SMTP(target.host, target.port, timeout=timeout_s)


def build_mail(message: Message, target: MailTarget) -> EmailMessage:
    """A mail in plain text; the same event has the same Message-ID, by which mail programs know a second copy."""
    mail = EmailMessage()
    mail["Subject"] = f"[{message.severity}] {message.title}"
    mail["From"] = target.sender
    mail["To"] = ", ".join(target.recipients)
    mail["Date"] = format_datetime(message.at)
    name, place = hashlib.sha256(message.dedup_key.encode()).hexdigest()[:32], target.sender.partition("@")[2]
    mail["Message-ID"] = f"<{name}@{place}>"
    mail.set_content("\n\n".join(part for part in (message.text, message.link) if part))
    return mail
