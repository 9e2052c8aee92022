"""An agent whose every word is an attack on whoever reads it: `--agent tests.attacks.hostile:mallory`."""

from plait.runtime import Agent, Call, Data, File, Source, tool

from tests.console.crew import Obedient

MARK = "window.owned = 1"
PAYLOADS = (
    f"<script>{MARK}</script>",
    f'<img src=x onerror="{MARK}">',
    f'<svg onload="{MARK}"></svg>',
    f'<svg><animate onbegin="{MARK}" attributeName=x dur=1s></svg>',
    f'<iframe srcdoc="<script>parent.{MARK}</script>"></iframe>',
    f'<details open ontoggle="{MARK}">x</details>',
    f'<a href="javascript:{MARK}">link</a>',
    f"[link](javascript:{MARK.replace(' ', '')})",
    f"[link](JaVaScRiPt:{MARK.replace(' ', '')})",
    f"[link](java\tscript:{MARK.replace(' ', '')})",
    f"[link](&#106;avascript:{MARK.replace(' ', '')})",
    "[link](data:text/html;base64,PHNjcmlwdD5vcGVuZXIub3duZWQ9MTwvc2NyaXB0Pg==)",
    "[link](vbscript:x) [link](blob:x) [link](//evil.example/x)",
    f"![x](javascript:{MARK.replace(' ', '')}) ![x](http://evil.example/pixel.png)",
    f"<javascript:{MARK.replace(' ', '')}> <http://evil.example/ok>",
    f'[x]: javascript:{MARK.replace(" ", "")} "t"\n\n[x]',
    f"`<script>{MARK}</script>`\n\n```html\n<script>{MARK}</script>\n```",
    f'| a |\n| - |\n| <img src=x onerror="{MARK}"> |',
    f'<math><mtext><table><mglyph><style><!--</style><img src=x onerror="{MARK}">',
    f'<noscript><p title="</noscript><img src=x onerror={MARK.replace(" ", "")}>">',
    f'"><script>{MARK}</script><"',
    f"{{{{constructor.constructor('{MARK}')()}}}} ${{{MARK}}}",
    "<style>@import 'http://evil.example/x.css'; * { background: url(http://evil.example/x) }</style>",
    '<link rel=stylesheet href="http://evil.example/x.css"><base href="http://evil.example/">',
    '<meta http-equiv=refresh content="0;url=http://evil.example/"><form action="http://evil.example/"><button>',
    f'<object data="javascript:{MARK}"></object><embed src="javascript:{MARK}">',
    f"\u202e<script>{MARK}</script>\x00<img/src=x/onerror={MARK.replace(' ', '')}>",
)
ALL = "\n\n".join(PAYLOADS)


@tool
def attack(call: Call, said: str) -> str:
    """Show hostile things in every way that a tool has."""
    call.progress(ALL[:100], 0.5)
    for payload in PAYLOADS:
        call.show(Source(f"javascript:{MARK}", payload, payload))
        call.show(Source(payload, payload, payload))
    call.show(File(ALL.encode(), "text/html", f'x"><script>{MARK}</script>.html'))
    call.show(File(f"<svg xmlns='http://www.w3.org/2000/svg' onload='{MARK}'/>".encode(), "image/svg+xml", "a.svg"))
    call.show(Data(ALL, {ALL: [ALL]}))
    return ALL


mallory = Agent("mallory", Obedient(), tools=[attack])
