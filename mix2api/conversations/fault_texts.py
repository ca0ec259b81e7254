"""The kinds of faults of a graph, each with its text in the languages of its readers. Pure.

Models and callers of the API are told the English. Pages say it in their reader's language, so the texts stand side by side here.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class FaultKind(StrEnum):
    """A kind of fault, or a phrase within the text of one."""

    NO_OBJECT = "no_object"
    NO_BOOLEAN = "no_boolean"
    NODES = "nodes"
    EDGES = "edges"
    NODE = "node"
    EDGE = "edge"
    ID = "id"
    AGENT = "agent"
    INPUT = "input"
    TYPE = "type"
    TARGET = "target"
    MAX_REFINE = "max_refine"
    EDGE_END = "edge_end"
    UNKNOWN_FIELD = "unknown_field"
    ID_TWICE = "id_twice"
    TARGET_NO_WORKER = "target_no_worker"
    TARGET_TWICE = "target_twice"
    EDGE_NOWHERE = "edge_nowhere"
    EDGE_TO_CRITIC = "edge_to_critic"
    EDGE_TWICE = "edge_twice"
    CYCLE = "cycle"
    PLACEHOLDERS = "placeholders"
    PLACEHOLDER_NAMES = "placeholder_names"
    NAMES_OUTPUT = "names_output"
    NAMES_CONTEXT = "names_context"
    NAMES_NOTHING = "names_nothing"
    VALUE_MISSING = "value_missing"
    RENDERED = "rendered"
    DRAFT_LENGTH = "draft_length"
    DRAFT_TEXT = "draft_text"
    JSON_DEEP = "json_deep"
    JSON_WRONG = "json_wrong"
    TOO_MUCH = "too_much"
    # Phrases within the others.
    NONE = "none"
    AND_MORE = "and_more"
    LONG_NAME = "long_name"


# The kind, the English, the Chinese. Doubled braces stand for single ones.
FAULT_TEXTS: Final[tuple[tuple[FaultKind, str, str], ...]] = (
    (
        FaultKind.NO_OBJECT,
        "the graph must be an object with nodes and edges",
        "图必须是含有 nodes 和 edges 的对象",
    ),
    (FaultKind.NO_BOOLEAN, "must be true or false", "必须是 true 或 false"),
    (FaultKind.NODES, "must be a list of 1 to {most} nodes", "必须是含 1 到 {most} 个节点的列表"),
    (FaultKind.EDGES, "must be a list of {most} edges at most", "必须是最多含 {most} 条边的列表"),
    (FaultKind.NODE, "must be an object with {fields}", "必须是含有 {fields} 的对象"),
    (FaultKind.EDGE, "must be an object with from and to", "必须是含有 from 和 to 的对象"),
    (
        FaultKind.ID,
        "must be a letter, then letters, digits or _, 64 characters at most",
        "必须以字母开头，后接字母、数字或 _，最多 64 个字符",
    ),
    (
        FaultKind.AGENT,
        "must be one of the configured agents: {agents}",
        "必须是已配置的智能体之一：{agents}",
    ),
    (
        FaultKind.INPUT,
        "must be a text of 1 to {most} characters, not only white space",
        "必须是 1 到 {most} 个字符的文本，且不能全为空白",
    ),
    (FaultKind.TYPE, "must be WORKER or CRITIC", "必须是 WORKER 或 CRITIC"),
    (
        FaultKind.TARGET,
        "must be the id of the WORKER that the CRITIC judges",
        "必须是此 CRITIC 所评判的 WORKER 的 id",
    ),
    (FaultKind.MAX_REFINE, "must be a whole number from 0 to {most}", "必须是 0 到 {most} 的整数"),
    (FaultKind.EDGE_END, "must be the id of a node", "必须是节点的 id"),
    (
        FaultKind.UNKNOWN_FIELD,
        "has a field that does not belong there; allowed are {fields}",
        "含有不属于此处的字段；允许的字段有 {fields}",
    ),
    (
        FaultKind.ID_TWICE,
        "is the id of nodes[{first}], too; ids must be unique",
        "与 nodes[{first}] 的 id 相同；id 必须唯一",
    ),
    (FaultKind.TARGET_NO_WORKER, "must be the id of a WORKER of this graph", "必须是此图中某个 WORKER 的 id"),
    (
        FaultKind.TARGET_TWICE,
        "has a CRITIC already; a WORKER may have one",
        "已有一个 CRITIC；一个 WORKER 只能有一个",
    ),
    (FaultKind.EDGE_NOWHERE, "must be the id of a node of this graph", "必须是此图中某个节点的 id"),
    (
        FaultKind.EDGE_TO_CRITIC,
        "leads to a CRITIC; only the edge from its target may",
        "指向了 CRITIC；只有来自其 target 的边可以",
    ),
    (
        FaultKind.EDGE_TWICE,
        "stands there twice; each edge must be given once",
        "重复出现；每条边只能给出一次",
    ),
    (FaultKind.CYCLE, "closes a cycle: {path}; a graph must have none", "形成环：{path}；图中不能有环"),
    (
        FaultKind.PLACEHOLDERS,
        "may hold placeholders such as {{{{nodes.a.output}}}} or {{{{context.message}}}}, and nothing else in {{{{ }}}}, {{% %}} and {{# #}}",
        "可以含有 {{{{nodes.a.output}}}} 或 {{{{context.message}}}} 这样的占位符，{{{{ }}}}、{{% %}} 和 {{# #}} 中不能有其他内容",
    ),
    (
        FaultKind.PLACEHOLDER_NAMES,
        "has more than {most} names in its placeholders",
        "占位符中的名称超过 {most} 个",
    ),
    (
        FaultKind.NAMES_OUTPUT,
        "names {name}; allowed are outputs of WORKERs that are done before the node: {allowed}",
        "引用了 {name}；只能引用在此节点之前完成的 WORKER 的输出：{allowed}",
    ),
    (
        FaultKind.NAMES_CONTEXT,
        "names {name}; the context has the members {allowed}",
        "引用了 {name}；上下文的成员有 {allowed}",
    ),
    (
        FaultKind.NAMES_NOTHING,
        "names {name}; allowed are nodes.ID.output and context.NAME",
        "引用了 {name}；只能引用 nodes.ID.output 和 context.NAME",
    ),
    (FaultKind.VALUE_MISSING, "names a value that is not there", "引用了不存在的值"),
    (
        FaultKind.RENDERED,
        "gives more than the {most} characters that an input may have",
        "生成的文本超过输入允许的 {most} 个字符",
    ),
    (
        FaultKind.DRAFT_LENGTH,
        "the answer is longer than the {most} characters that a draft may have",
        "回答超过草稿允许的 {most} 个字符",
    ),
    (FaultKind.DRAFT_TEXT, "{said}", "{said}"),
    (FaultKind.JSON_DEEP, "JSON is nested too deeply", "JSON 嵌套过深"),
    (FaultKind.JSON_WRONG, "{said}", "不是有效的 JSON：{said}"),
    (FaultKind.TOO_MUCH, "{said}", "内容过多：{said}"),
    (FaultKind.NONE, "none", "无"),
    (FaultKind.AND_MORE, "{names}and {more} more", "{names}另有 {more} 个"),
    (FaultKind.LONG_NAME, "something of {chars} characters", "一个 {chars} 个字符的名称"),
)
ENGLISH: Final[Mapping[FaultKind, str]] = {kind: english for kind, english, _ in FAULT_TEXTS}
CHINESE: Final[Mapping[FaultKind, str]] = {kind: chinese for kind, _, chinese in FAULT_TEXTS}
