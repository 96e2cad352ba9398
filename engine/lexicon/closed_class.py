"""Closed-class words (function words) of English and Chinese: another one in their place changes grammar rather than meaning."""

_CLOSED_CLASS = """
a an the this that these those some any each every either neither both all few more most much many several other another such
one none no nor not never cannot don't doesn't didn't isn't aren't wasn't weren't won't wouldn't can't couldn't shouldn't
i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its
itself they them their theirs themselves who whom whose which what someone somebody something anyone anybody anything everyone
everybody everything nobody nothing nowhere somewhere anywhere everywhere
am is are was were be been being have has had having do does did doing can could may might must shall should will would ought
and but or if then else so than as because since until unless while whereas though although whether however instead
of at by for with without about against between among into onto through throughout during before after above below to from up
down in inside out outside on off over under beneath beside besides beyond behind near across along around toward towards upon
via per despite except within like unlike
there here when where why how again further once only just also too very even still yet already quite rather almost
的 了 着 过 地 得 和 与 及 或 但 但是 而 而且 也 都 就 才 又 再 还 不 没 没有 未 无 别 非 是 在 有 我 你 您 他 她 它 我们 你们 他们
她们 它们 这 那 这个 那个 这些 那些 这样 那样 什么 谁 哪 哪里 怎么 为什么 啊 呀 吧 吗 呢 嘛 哦 把 被 对 从 向 到 给 为 因为 所以 如果
虽然 以 之 其 个 一个 不是 不会 不能 不要 就是 还是 可以 会 能 要
"""
STOP_WORDS = frozenset(_CLOSED_CLASS.split())
