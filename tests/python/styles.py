"""How apps of four languages write the same values. None of them is wrong in its own language's eyes: a number is whole for one
library and a double for the next, a time is a text here and a count of milliseconds there."""

import json


class Id(int):
    """The id of an order, a driver, a customer or an event."""


class Whole(int):
    """A count or a rating."""


class At:
    """A moment, as a `datetime` in UTC."""

    def __init__(self, moment):
        self.moment = moment


class Style:
    """JSON as one language's usual library writes it."""

    def encode(self, value):
        match value:
            case dict():
                pairs = (f"{self.text(name)}:{self.encode(inner)}" for name, inner in value.items())
                return "{" + ",".join(pairs) + "}"
            case list():
                return "[" + ",".join(map(self.encode, value)) + "]"
            case None | bool():
                return json.dumps(value)
            case Id():
                return self.id(value)
            case Whole():
                return self.whole(value)
            case At():
                return self.at(value.moment)
            case float():
                return self.number(value)
            case str():
                return self.text(value)
        raise TypeError(f"{value!r} is of no kind that apps send")

    def id(self, value):
        return str(int(value))

    def whole(self, value):
        return str(int(value))

    def number(self, value):
        return repr(value)

    def text(self, value):
        return json.dumps(value, ensure_ascii=False)


class JavaScript(Style):
    """`JSON.stringify`: one kind of number, which shows no decimals that it has not; ids come back as texts from the app's
    storage; `Date.now()`."""

    def id(self, value):
        return f'"{int(value)}"'

    def number(self, value):
        return str(int(value)) if value.is_integer() else repr(value)

    def at(self, moment):
        return str(int(moment.timestamp() * 1000))


class Python(Style):
    """`json.dumps` with `datetime.isoformat()` of a time without a zone; everything beyond ASCII is escaped."""

    def at(self, moment):
        return self.text(moment.replace(tzinfo=None).isoformat())

    def text(self, value):
        return json.dumps(value)


class Dart(Style):
    """`jsonEncode`: what was computed is a double and keeps its point, whole or not; `DateTime.toIso8601String()` of a clock that
    is set to UTC."""

    def whole(self, value):
        return f"{int(value)}.0"

    def at(self, moment):
        return self.text(moment.replace(tzinfo=None).isoformat(timespec="microseconds"))


class Gson(Style):
    """A `Map<String, Object>` that Gson has read and writes again: every number is a double, large ones with an exponent; `=` and
    `&` are escaped for HTML."""

    def id(self, value):
        return self.number(float(value))

    def whole(self, value):
        return self.number(float(value))

    def number(self, value):
        if abs(value) < 1e7:
            return repr(value)
        mantissa, exponent = f"{value:.15E}".split("E")
        return f"{mantissa.rstrip('0').rstrip('.')}E{int(exponent)}"

    def at(self, moment):
        return self.number(moment.timestamp() * 1000)

    def text(self, value):
        return json.dumps(value, ensure_ascii=False).replace("=", "\\u003d").replace("&", "\\u0026")
