"""The vocabulary of asking: words by which a text asks for a tool, and words that do not count. Data only."""

from typing import Final


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FILLERS: Final = _set("a and api by call current do for function get mcp my of run set the to tool with")
"""Words of a tool's name that do not describe its purpose."""
ORDINARY: Final = _set(
    "agent ask bash batch command edit execute fetch find glob grep list message open patch plan print python "
    "question read run search shell show skill task terminal test think todo update view write"
)
"""Names of agents' tools that are ordinary words of English, too."""
LEADING: Final = _set("also and can could finally first just must next now please should then to will you")
"""Words before a verb that asks for a tool."""
USING: Final = _set("call calling function invoke tool use using via with")
"""Words around the name of a tool that is meant as a tool."""
COMMON: Final = _set(
    "about after also another before between current currently does from given have into local make message "
    "please return returns some specific specified system that their them there these this tool user using want what when "
    "where which with without would your"
)
"""Words of descriptions that occur in every question."""
_RUN: Final = ("bash", "shell", "exec", "execute", "run", "command", "terminal", "python", "code")
_SHOW: Final = ("read", "view", "open", "cat", *_RUN)
_SEARCH: Final = ("grep", "search", "websearch", "find", "glob")
_FIND: Final = ("find", "glob", "search", "grep")
_WRITE: Final = ("write", "create", "save")
_CHANGE: Final = ("edit", "replace", "patch", "update")
_FETCH: Final = ("webfetch", "fetch", "browse", "http", "url", "download")
_COUNT: Final = ("calculator", "calculate", "compute", "math", "evaluate")
OBJECTS: Final = _set("bytes content directory file folder line many path text")
"""Words of a tool's name for what a verb acts on unless the text says otherwise: "show" asks for `read_file`."""
ACTIONS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("run", "execute"), _RUN),
    **dict.fromkeys(("show", "open", "cat", "print", "view", "display", "read"), _SHOW),
    **dict.fromkeys(("search", "look", "grep"), _SEARCH),
    "find": _FIND,
    **dict.fromkeys(("list", "ls"), ("list", "ls", "glob", "bash", "shell")),
    **dict.fromkeys(("write", "create", "save"), _WRITE),
    **dict.fromkeys(("change", "replace", "edit", "fix", "rename"), _CHANGE),
    **dict.fromkeys(("fetch", "download", "visit", "browse"), _FETCH),
    **dict.fromkeys(("calculate", "compute", "add", "subtract", "multiply", "divide"), _COUNT),
    **dict.fromkeys(("remember", "note"), ("memory", "note", "todo")),
}
"""A verb, and the words of tools' names that it asks for, the best first."""
RELATED: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("rain", "raining", "sunny", "snow", "warm", "cold", "forecast", "umbrella"), ("weather", "forecast")
    ),
    **dict.fromkeys(("plus", "sum"), ("add", *_COUNT)),
    **dict.fromkeys(("minus", "difference"), ("subtract", *_COUNT)),
    **dict.fromkeys(("times", "product"), ("multiply", *_COUNT)),
    "divided": ("divide", *_COUNT),
    **dict.fromkeys(("mail", "message"), ("email", "mail", "message")),
    **dict.fromkeys(("clock", "date", "day"), ("time", "date", "clock")),
}
"""A word anywhere in a text, and the words of tools' names that it may be about, the best first."""
CHINESE: Final = {
    "天气": "weather",
    "气温": "temperature",
    "时间": "time",
    "搜索": "search",
    "查找": "find",
    "读取": "read",
    "打开": "open",
    "列出": "list",
    "运行": "run",
    "执行": "execute",
    "写入": "write",
    "创建": "create",
    "修改": "edit",
    "计算": "calculate",
    "翻译": "translate",
    "邮件": "email",
}
"""The commonest of such words in Chinese: the real site's users write Chinese."""
