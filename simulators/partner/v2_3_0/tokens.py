"""OCPI 2.3.0 mod_tokens and the commands that carry a Token: the open TokenType."""

from simulators.partner.v2_2_1 import tokens as v2_2_1
from simulators.partner.v2_3_0.types import OpenEnum

TOKEN_TYPES = ("AD_HOC_USER", "APP_USER", "EMAID", "OTHER", "RFID")


class Token(v2_2_1.Token):
    type: OpenEnum


class ReserveNow(v2_2_1.ReserveNow):
    token: Token


class StartSession(v2_2_1.StartSession):
    token: Token
