"""What `mix2api explain` says, in Chinese beside the English of the projections; a part of the catalogue.

The projections own the names and the English words. A row that they gain needs its Chinese here: a test fails without it, and the
page says the row in English.
"""

from collections.abc import Mapping
from typing import Final

from mix2api.projections.advice import ROWS
from mix2api.projections.explanation import NOTHING_YET, REFUSED, SEEN
from mix2api.projections.silence import Wait

_ADVICE: Final[Mapping[str, tuple[str, ...]]] = {
    "stop": ("回答的结束标记", "无需处理，客户端已收到回答。"),
    "tool_calls": ("`mix2api audit` 中的工具循环闭合", "无需处理，客户端会在下次请求中带回结果。"),
    "length": ("`output_budget` 以及站点自身的限制", "提高 `max_tokens`，或要求更短的回答。"),
    "content_filter": ("站点的使用条款", "此处无需处理。站点截断了回答，换种措辞或许可行。"),
    "client_abort": (
        "客户端自身的超时设置，以及静默账本",
        "若站点间隔较长，提高客户端超时；若是用户取消，无需处理。",
    ),
    "superseded": ("该会话之后的运行", "无需处理，客户端发送了更新的请求。"),
    "invalid_request": ("错误中的 `code` 和 `param`", "让客户端发送该参数允许的值。"),
    "auth_error": ("`INBOUND_AUTH_MODE` 以及客户端的密钥", "给客户端一个已配置的密钥。"),
    "budget_rejected": ("`input_budget` 以及模型配置", "减少发送内容，或在模型配置中调大窗口。"),
    "timeout": ("静默账本，以及站点负载", "联系站点运维。仅当站点较慢但正常时才提高限制。"),
    "upstream_error": ("`upstream_status` 和详情", "联系站点运维。其他请求可说明站点是否宕机。"),
    "upstream_auth_error": ("日志行 `login.failed` 以及 `UPSTREAM_AUTH_MODE`", "更新站点凭证。"),
    "overloaded": (
        "`MIX2API_MAX_CONCURRENCY`、`MIX2API_QUEUE_MAX` 以及机器负载",
        "再启动一个进程；若机器有余量，可提高限制。",
    ),
    "unavailable": ("日志行 `store.away`、`store.refuses`，以及 Redis 本身", "恢复 Redis，或为其腾出空间。"),
    "worker_lost": ("进程的最后几行日志，以及内核日志（内存不足）", "查明进程终止的原因。客户端可以重试。"),
    "adapter_error": ("含该请求会话的日志行 `adapter.fault`", "请上报：该行有类别和位置。"),
    "unknown": ("会话日志（用 `mix2api replay` 查看）", "请上报：不应有这样结束的运行。"),
    "invalid_request/no_history": (
        "`OPENCODE_TRANSCRIPT_TTL_S` 和 `OPENCODE_TRANSCRIPT_BYTES`",
        "让客户端发送完整历史，或提高保留量。",
    ),
    "client_abort/stalled": (
        "`MIX2API_CLIENT_STALL_S`，以及到客户端的网络",
        "查明客户端或其前面的代理为何不读取数据。",
    ),
    "timeout/connect": ("域名解析，以及到站点的网络", "检查 `UPSTREAM_API_BASE` 及其网络路径。"),
    "timeout/first_byte": ("站点负载", "联系站点运维，或提高 `MIX2API_UPSTREAM_FIRST_BYTE_TIMEOUT_MS`。"),
    "timeout/idle": ("账本中的最后一段间隔", "联系站点运维，或提高 `UPSTREAM_TIMEOUT_MS`。"),
    "timeout/silent": ("没有内容的帧", "联系站点运维，或提高 `MIX2API_UPSTREAM_SILENCE_TIMEOUT_MS`。"),
    "timeout/total": ("`total_ms`", "若确实需要这么长的回答，提高 `MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS`。"),
    "upstream_error/connect_failed": (
        "域名解析、网络、站点端口",
        "先检查 `UPSTREAM_API_BASE`，再检查站点本身。",
    ),
    "upstream_error/truncated": ("最后一帧的时间", "联系站点运维：回答中断，没有结束标记。"),
    "upstream_error/protocol": ("`UPSTREAM_API_BASE` 是否真是该站点", "询问站点协议是否已变更。"),
    "upstream_error/context_length": ("`messages_all` 以及模型配置", "减少历史消息，或更正模型窗口。"),
    "upstream_error/rate_limit": ("每分钟发往站点的请求数", "放慢速度，或向站点申请更高限额。"),
    "upstream_error/quota": ("站点上的账户", "充值，或改用其他账户。"),
    "upstream_error/session_lost": (
        "会话存在了多久",
        "偶发时无需处理。频繁时，将 `SESSION_TTL_MS` 调到站点限制以下。",
    ),
    "upstream_error/owner_gone": (
        "`mix2api accounts show` 加上该账号",
        "恢复该账号，或让客户端带完整历史重新开始。",
    ),
    "upstream_error/filtered": ("站点的使用条款", "此处无需处理。站点的过滤器拒绝了该请求。"),
    "upstream_auth_error/login": ("日志行 `login.failed`", "检查登录地址和保存的凭证。"),
    "overloaded/deadline": ("是否有会话同时发出许多请求", "让客户端等待回答，或增加进程。"),
    "overloaded/no_owner": ("各 worker 的 `/health/ready`", "启动一个 worker。刚崩溃后请等待一个租期。"),
    "overloaded/expired": ("worker 的负载及其邮件", "再启动一个 worker。"),
    "overloaded/drain": ("正在进行的发布", "无需处理，客户端可以重试。"),
    "overloaded/busy": ("日志行 `loop.held`，以及进程的 CPU", "增加进程：该进程负担过重。"),
    "overloaded/connections": ("`MIX2API_MAX_CONNECTIONS`", "提高该值，或找出占用连接的客户端。"),
    "overloaded/descriptors": ("`ulimit -n`", "提高该值。"),
    "worker_lost/edge_lost": ("edge 的最后几行日志", "查明 edge 终止的原因。客户端可以重试。"),
    "worker_lost/fenced": ("日志行 `loop.held` 和 `leases.changed`", "查明是什么让进程停顿超过一个租期。"),
    "open": ("`mix2api replay --follow`", "请等待：运行仍在进行。"),
    "lost": ("进程的最后几行日志", "启动一个 worker：分片的新所有者会在两个租期内结束该运行。"),
}
"""Name of a row -> where to look, what to do."""
_SAW: Final[Mapping[str, str]] = {
    "as_recorded": "正是此结束，完整送达",
    "failure_told": "一个错误，尽管日志记录为成功",
    "finish_told": "一个正常结束，尽管日志记录为失败",
    "reworded": "与日志记录不同的错误",
    "no_receipt": "未知：没有 edge 表明已写出结束",
    "nobody_waited": "没有结束：客户端已离开",
}
_WAITS: Final[Mapping[Wait, str]] = {
    Wait.SENDING: "发送请求",
    Wait.READING: "读取请求",
    Wait.FINDING: "查找会话",
    Wait.HANDING_OVER: "交出该轮次",
    Wait.ACCEPTANCE: "等待被接受",
    Wait.SLOT: "等待空位或其会话",
    Wait.REQUEST_KEPT: "持久化请求",
    Wait.FIRST_PIECE: "等待第一段内容",
    Wait.NEXT_PIECE: "两段内容之间",
    Wait.ENDING_KEPT: "持久化结束",
    Wait.TAKING: "接收回答",
    Wait.TAKING_END: "接收回答的结尾",
    Wait.AGAIN: "重新开始该轮次",
    Wait.LOSS_NOTICED: "直到发现进程丢失",
}

EXPLAIN_TEXTS: Final[tuple[tuple[str, str, str], ...]] = (
    *((f"look_at.{row}", one.look_at, _ADVICE.get(row, (one.look_at,))[0]) for row, one in ROWS.items()),
    *((f"do.{row}", one.do, _ADVICE.get(row, (one.do,))[-1]) for row, one in ROWS.items()),
    *((f"saw.{seen.value}", said, _SAW.get(seen.value, said)) for seen, said in SEEN.items()),
    (f"saw.{NOTHING_YET}", "nothing final yet", "尚无最终结果"),
    (f"saw.{REFUSED}", "HTTP {status} with the error", "HTTP {status} 及错误"),
    *((f"waiting.{wait.name.lower()}", wait.value, _WAITS.get(wait, wait.value)) for wait in Wait),
    ("run.cut_why", "limits or a budget that an operator set", "运维设置的限额或预算"),
)
