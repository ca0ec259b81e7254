"""Every text of the console, in both languages. A test holds it to the templates and the code: no key is missing, none is idle."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from mix2api.console.conversation_texts import CONVERSATION_TEXTS
from mix2api.console.explain_texts import EXPLAIN_TEXTS
from mix2api.console.release_texts import RELEASE_TEXTS
from mix2api.conversations.fault_texts import CHINESE, ENGLISH, FaultKind


class Language(StrEnum):
    """A language of the pages; its value is the `lang` of the page."""

    ENGLISH = "en"
    CHINESE = "zh"


# The key, the English, the Chinese.
_TEXTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("nav.overview", "Overview", "概览"),
    ("nav.runs", "Runs", "运行"),
    ("nav.skip", "Skip to the content", "跳到正文"),
    ("nav.label", "Pages", "页面"),
    ("nav.language", "中文", "English"),
    ("nav.sign_out", "Sign out", "退出"),
    ("nav.signed_in", "Signed in as {admin} ({role})", "已登录：{admin}（{role}）"),
    ("role.view", "view", "只读"),
    ("role.operate", "operate", "可操作"),
    ("sign_in.title", "Sign in", "登录"),
    ("sign_in.token", "Admin token", "管理员令牌"),
    ("sign_in.submit", "Sign in", "登录"),
    ("sign_in.wrong", "This token is not known.", "令牌无效。"),
    (
        "sign_in.wait",
        "Too many wrong tokens from this address. Try again in {seconds} s.",
        "该地址的错误令牌过多，请在 {seconds} 秒后重试。",
    ),
    ("sign_in.from_elsewhere", "Going on to the page", "正在前往页面"),
    ("error.title", "This did not work", "操作未完成"),
    ("error.not_found", "There is no such page.", "没有这个页面。"),
    ("error.method", "This page does not take that method.", "该页面不接受此方法。"),
    (
        "error.csrf",
        "The form is not from this sign-in. Go back, reload the page, and try again.",
        "表单不属于本次登录。请返回、刷新页面后重试。",
    ),
    (
        "error.too_large",
        "The form is too large: at most {most} bytes are taken. Go back, and shorten it.",
        "表单过大：最多接受 {most} 字节。请返回并缩短内容。",
    ),
    ("error.watchers", "Too many pages are live. Reload this one by hand.", "实时页面过多，请手动刷新。"),
    ("error.role", "This needs the role `operate`.", "此操作需要 `operate` 角色。"),
    (
        "error.broken",
        "The console failed here. The log has class and place.",
        "控制台在此出错，日志中有类别和位置。",
    ),
    (
        "error.bad_query",
        "The address has a value that is not allowed: {field}",
        "地址中有不允许的值：{field}",
    ),
    (
        "error.store",
        "The store does not answer: this page cannot be read now.",
        "存储没有响应：现在无法读取此页。",
    ),
    ("state.loading", "The log is being read. Figures are not complete yet.", "正在读取日志，数据尚不完整。"),
    ("state.stale", "The store does not answer. Figures are as of", "存储没有响应。数据截至"),
    ("state.as_of", "As of", "截至"),
    (
        "state.dropped",
        "{count} older runs are not held (MIX2API_CONSOLE_RUNS).",
        "有 {count} 个较早的运行未保留（MIX2API_CONSOLE_RUNS）。",
    ),
    (
        "state.offline",
        "The console does not answer. The page is as it was.",
        "控制台没有响应，页面停留在之前的状态。",
    ),
    ("copy.button", "Copy", "复制"),
    ("copy.done", "Copied", "已复制"),
    ("overview.levels", "Service levels, last 24 hours", "服务水平（最近 24 小时）"),
    (
        "overview.no_levels",
        "No request ended in the last 24 hours. Send one to the adapter.",
        "最近 24 小时没有请求结束。请向适配器发送一个请求。",
    ),
    ("overview.client", "client", "客户端"),
    ("overview.burn", "burn {window}", "消耗 {window}"),
    ("overview.target", "target {share}", "目标 {share}"),
    ("overview.ended", "Ended runs by reason", "按原因统计的已结束运行"),
    ("overview.first_token", "Time to the first token", "首个 token 的时间"),
    ("overview.total", "Time to the end", "总时间"),
    ("overview.percentiles", "of all runs", "全部运行"),
    (
        "overview.nothing",
        "Nothing ended in this time. Choose a longer one.",
        "此时段内没有运行结束，请选择更长的时段。",
    ),
    ("overview.open", "Open streams", "打开的流"),
    ("overview.running", "Turns under way", "进行中的轮次"),
    ("overview.queued", "Waiting turns", "等待的轮次"),
    ("overview.live", "Live processes", "存活进程"),
    ("overview.unowned", "Shards without an owner", "无主分片"),
    ("overview.failed", "Failed runs", "失败的运行"),
    ("overview.all_runs", "All runs", "全部运行"),
    ("level.success", "success", "成功"),
    ("level.loop_closure", "closed tool loops", "完成的工具循环"),
    ("level.unbroken_streams", "unbroken streams", "完整的流"),
    ("level.done", "[DONE] written", "已写出 [DONE]"),
    ("level.attribution", "attribution", "归因"),
    ("verdict.ok", "met", "达标"),
    ("verdict.breach", "breach", "未达标"),
    ("verdict.unsure", "too little traffic to say", "流量过少，无法判断"),
    ("verdict.nothing", "nothing to measure", "无可测量"),
    ("range.label", "Time", "时段"),
    ("range.15m", "15 min", "15 分钟"),
    ("range.1h", "1 hour", "1 小时"),
    ("range.6h", "6 hours", "6 小时"),
    ("range.24h", "24 hours", "24 小时"),
    ("range.chosen", "from {since} to {until} (UTC)", "{since} 至 {until}（UTC）"),
    ("runs.word", "Request, run or session id, or a part of one", "请求、运行或会话 id，或其一部分"),
    ("runs.search", "Search", "搜索"),
    ("runs.reason", "reason", "原因"),
    ("runs.client", "client", "客户端"),
    ("runs.model", "model", "模型"),
    ("runs.channel", "channel", "通道"),
    ("runs.account", "account", "账号"),
    ("runs.any", "any", "任意"),
    ("runs.only_failed", "failed", "失败"),
    ("runs.other_model", "not configured", "未配置"),
    ("runs.clear", "Clear", "清除"),
    ("runs.found_more", "{count} runs or more", "至少 {count} 个运行"),
    ("runs.found", "{count} runs", "{count} 个运行"),
    ("runs.ended_at", "ended", "结束于"),
    ("runs.happened", "happened", "结果"),
    ("runs.request", "request", "请求"),
    ("runs.first_token", "first token", "首 token"),
    ("runs.total", "total", "总时间"),
    ("runs.older", "Older", "更早"),
    ("runs.newest", "Newest", "最新"),
    (
        "runs.none",
        "No run matches. Take a filter away, or choose a longer time. A run that has not ended is found by its whole id.",
        "没有匹配的运行。请去掉某个筛选条件或选择更长的时段。尚未结束的运行可用完整 id 查到。",
    ),
    ("runs.refused", "refused before a run began", "在运行开始前被拒绝"),
    ("run.title", "Request {request}", "请求 {request}"),
    ("run.unknown", "Nothing is known of {word}.", "没有关于 {word} 的记录。"),
    (
        "run.unknown_why",
        "It never came here, or is older than MIX2API_RETENTION_S, or was refused in a flood. `mix2api audit` has the numbers of those.",
        "它从未到达，或早于 MIX2API_RETENTION_S，或在洪峰中被拒绝。`mix2api audit` 有其数量。",
    ),
    ("run.happened", "Happened", "结果"),
    ("run.whose", "Whose doing", "责任方"),
    ("run.client", "Client", "客户端"),
    ("run.client_saw", "Client saw", "客户端所见"),
    ("run.stream", "stream", "流式"),
    ("run.whole", "whole answer", "完整回答"),
    ("run.unread", "unread", "未读取"),
    ("run.refused", "Refused", "被拒绝"),
    ("run.cut", "Cut", "裁剪"),
    ("run.nothing_cut", "nothing", "无"),
    ("run.cut_what", "{messages} messages, {tools} tools", "{messages} 条消息，{tools} 个工具"),
    ("run.look_at", "Look at", "查看"),
    ("run.do", "Do", "建议"),
    ("run.earlier", "Earlier runs with this request id", "同一请求 id 的较早运行"),
    ("run.attempt", "Run {attempt}", "第 {attempt} 次运行"),
    ("run.not_ended", "not ended", "未结束"),
    ("run.session", "Session", "会话"),
    ("run.site", "Site", "站点"),
    ("run.site_not_called", "was not called", "未被调用"),
    (
        "run.site_said",
        "HTTP {status}, {frames} frames, {bytes} bytes, {calls} calls, {finish}",
        "HTTP {status}，{frames} 帧，{bytes} 字节，{calls} 次调用，{finish}",
    ),
    ("run.account", "Account", "账号"),
    ("run.damage", "Damage", "损坏"),
    ("run.unreadable", "{count} entries of the log cannot be read", "日志中有 {count} 条记录无法读取"),
    ("run.time_line", "When: the gaps in the course of the request", "何时：请求过程中的间隔"),
    ("run.owners", "Whose: all of the time by its owners", "归谁：全部时间按归属"),
    ("run.ledger", "Where the time went", "时间去向"),
    ("run.at", "at", "起于"),
    ("run.ms", "ms", "毫秒"),
    ("run.owner", "owner", "归属"),
    ("run.waiting", "waiting", "等待"),
    ("run.short", "in steps of at most {ms} ms", "不超过 {ms} 毫秒的步骤"),
    ("run.wall", "wall time", "总耗时"),
    (
        "run.partial_ledger",
        "The edge's own times are missing: the ledger begins with the run.",
        "缺少边缘的时间：账目从运行开始。",
    ),
    ("run.events", "Events", "事件"),
    ("run.event", "event", "事件"),
    ("run.seq", "no.", "序号"),
    ("run.stage", "state after it", "之后的状态"),
    ("run.flags", "flags", "标记"),
    ("run.facts", "facts", "事实"),
    (
        "run.no_events",
        "A request that was refused before a run began has no events.",
        "运行开始前被拒绝的请求没有事件。",
    ),
    ("run.recomputed", "Recomputed from the events", "由事件重新计算"),
    ("run.as_recorded", "as recorded", "与记录一致"),
    ("run.differs", "differs from the recorded {cause}", "与记录的 {cause} 不同"),
    ("run.unverifiable", "events are lost; recorded is {cause}", "事件已丢失；记录为 {cause}"),
    ("run.replay", "Replay", "重放"),
    ("fault.nobody", "nobody's: it succeeded", "无：已成功"),
    ("fault.client", "the client's", "客户端"),
    ("fault.upstream", "the site's", "站点"),
    ("fault.mix2api", "mix2api's", "mix2api"),
    ("fault.unknown", "not known yet", "尚不清楚"),
    ("owner.client", "client", "客户端"),
    ("owner.queue", "queue", "队列"),
    ("owner.store", "store", "存储"),
    ("owner.site", "site", "站点"),
    ("owner.us", "mix2api", "mix2api"),
    ("nav.processes", "Processes", "进程"),
    ("nav.accounts", "Accounts", "账号"),
    ("nav.models", "Models", "模型"),
    ("nav.settings", "Settings", "设置"),
    ("overview.everybody", "all", "全部"),
    ("overview.accounts", "Accounts not well", "异常账号"),
    ("overview.budgets", "Trimmed/refused by budgets", "因预算被裁剪/拒绝"),
    ("session.state", "State", "状态"),
    ("session.retired", "retired: {why}", "已停用：{why}"),
    ("session.not_yet_retired", "may be continued", "可继续"),
    ("session.shard", "Shard", "分片"),
    ("session.gaps", "events are lost at {count} places", "{count} 处事件丢失"),
    ("session.retire", "Retire", "停用"),
    ("session.retire_sure", "Retire this session for good?", "确定永久停用此会话？"),
    (
        "session.retire_why",
        "It will not be continued. The next request gets a fresh session with its whole history.",
        "此会话不再继续。下一个请求会得到带完整历史的新会话。",
    ),
    (
        "session.not_retired",
        "It is not retired ({word}). Look again later.",
        "未停用（{word}）。请稍后再看。",
    ),
    ("session.turns", "Turns", "轮次"),
    ("session.older", "{count} older turns are not shown.", "未显示 {count} 个较早的轮次。"),
    ("session.messages", "{count} new messages", "{count} 条新消息"),
    ("session.calls", "{count} tool calls", "{count} 次工具调用"),
    ("session.tokens", "{used} of {budget} tokens", "{used}/{budget} 个 token"),
    ("session.withheld", "{count} messages withheld", "扣留 {count} 条消息"),
    (
        "session.no_turns",
        "The log of this session has no turn any more: it was trimmed, or cannot be read.",
        "此会话的日志中已没有轮次：已被裁剪或无法读取。",
    ),
    (
        "processes.none",
        "No process shows a heartbeat. Start `mix2api serve`.",
        "没有进程的心跳。请启动 `mix2api serve`。",
    ),
    ("processes.owned", "{owned} of {shards} shards have an owner", "{shards} 个分片中 {owned} 个有主"),
    ("processes.unreadable", "{count} heartbeats cannot be read", "{count} 个心跳无法读取"),
    ("processes.process", "process", "进程"),
    ("processes.version", "version", "版本"),
    ("processes.role", "role", "角色"),
    ("processes.channel", "channel", "通道"),
    ("processes.weight", "weight", "权重"),
    ("processes.takes", "takes shards", "接收分片"),
    ("processes.shards", "shards", "分片"),
    ("processes.streams", "streams", "流"),
    ("processes.runs", "runs", "运行"),
    ("processes.queued", "queued", "排队"),
    ("processes.spooled", "spooled", "待写"),
    ("processes.age", "heartbeat", "心跳"),
    ("processes.skew", "clock", "时钟"),
    ("processes.yes", "yes", "是"),
    ("processes.no", "no", "否"),
    ("processes.late", "late", "迟到"),
    ("accounts.account", "account", "账号"),
    ("accounts.type", "type", "类型"),
    ("accounts.status", "status", "状态"),
    ("accounts.why", "why", "原因"),
    ("accounts.since", "since", "自"),
    ("accounts.next", "next try", "下次尝试"),
    ("accounts.weight", "weight", "权重"),
    ("accounts.priority", "priority", "优先级"),
    ("accounts.models", "models", "模型"),
    ("accounts.change", "change", "操作"),
    ("accounts.drained", "drained", "排空中"),
    ("accounts.model_limited", "limited for {model}", "{model} 受限"),
    ("accounts.off_in_file", "disabled in the file", "文件中已停用"),
    ("accounts.enable", "Enable", "启用"),
    ("accounts.disable", "Disable", "停用"),
    ("accounts.drain", "Drain", "排空"),
    ("accounts.reset", "Reset", "重置"),
    (
        "accounts.none",
        "No upstream has accounts. MIX2API_ACCOUNTS_FILE names their file.",
        "没有上游配置账号。MIX2API_ACCOUNTS_FILE 指定账号文件。",
    ),
    ("accounts.weigh", "Set the weight", "设置权重"),
    (
        "accounts.weight_means",
        "A weight of 0 takes an operator's weight away: the file's counts again.",
        "权重为 0 表示取消手动设置，恢复文件中的权重。",
    ),
    ("accounts.bindings", "API keys bound to accounts of {upstream}", "绑定到 {upstream} 账号的 API key"),
    (
        "accounts.bindings_more",
        "There are more than these {count}. All of them:",
        "不止这 {count} 个，全部列表：",
    ),
    ("accounts.api_key", "API key (its digest)", "API key（摘要）"),
    ("accounts.bound", "bound", "绑定于"),
    ("accounts.used", "used", "最近使用"),
    ("accounts.ends_in", "ends in", "剩余时间"),
    ("accounts.claimed", "not confirmed by a success yet", "尚未被成功调用确认"),
    ("accounts.unbind", "Unbind", "解除绑定"),
    (
        "accounts.unbind_sure",
        "Unbind the key from {account}? Its next request chooses an account anew.",
        "将该 key 与 {account} 解除绑定？下次请求将重新选择账号。",
    ),
    (
        "accounts.unbound",
        "No API key is bound. A key is bound by its first request that succeeds.",
        "没有绑定。API key 在首次成功请求后绑定账号。",
    ),
    ("models.limits", "Limits", "限额"),
    ("models.budgets", "How runs stood to them", "运行与限额"),
    ("models.model", "model", "模型"),
    ("models.window", "window", "窗口"),
    ("models.input", "input", "输入"),
    ("models.output", "output", "输出"),
    ("models.encoding", "encoding", "编码"),
    ("models.source", "source", "来源"),
    ("models.defaults", "defaults: no profile names it", "默认值：没有匹配的配置"),
    ("models.since", "Runs since", "统计自"),
    ("models.runs", "runs", "运行"),
    ("models.trimmed", "trimmed", "被裁剪"),
    ("models.rolled_over", "rolled over", "换新会话"),
    ("models.refused", "refused", "被拒绝"),
    ("models.compacted", "compacted", "已压缩"),
    ("models.tokens", "tokens", "token"),
    ("models.differs", "site differs", "站点差异"),
    ("models.factor", "factor", "系数"),
    (
        "models.none",
        "No run was counted yet. Send a request to a configured model.",
        "尚未统计任何运行。请向已配置的模型发送请求。",
    ),
    ("settings.whose", "As the console reads them. Secrets are masked.", "以控制台读取的为准，密钥已遮盖。"),
    ("settings.name", "name", "名称"),
    ("settings.value", "value", "值"),
    ("settings.source", "from", "来源"),
    ("settings.default", "default", "默认"),
    *CONVERSATION_TEXTS,
    *EXPLAIN_TEXTS,
    *RELEASE_TEXTS,
)

TEXTS: Final[Mapping[str, Mapping[Language, str]]] = {
    key: {Language.ENGLISH: english, Language.CHINESE: chinese} for key, english, chinese in _TEXTS
}


def text(language: Language, key: str, **values: object) -> str:
    """One text, its places filled. Values are not escaped here: the template does that.

    Raises:
        KeyError: there is no such text, or a place of it is given no value.
    """
    said = TEXTS[key][language]
    return said.format(**values) if values else said


FAULTS: Final[Mapping[Language, Mapping[FaultKind, str]]] = {
    Language.ENGLISH: ENGLISH,
    Language.CHINESE: CHINESE,
}
"""The texts of a graph's faults, which callers of the API are told, too."""


def language_of(chosen: str | None, accepted: str) -> Language:
    """The language of a page.

    Args:
        chosen: by the reader, in a cookie. None: none was.
        accepted: the `Accept-Language` header.
    """
    if chosen in set(Language):
        return Language(chosen)
    first = accepted.partition(",")[0].partition(";")[0].strip().lower()
    return Language.CHINESE if first.startswith("zh") else Language.ENGLISH
