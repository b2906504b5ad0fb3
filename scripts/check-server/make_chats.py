"""Makes conversations of the lines of a text, as JSON lines for `retnet tokenize pack --chat-field messages`.

usage: make_chats.py TEXT
"""

import json
import random
import sys
from pathlib import Path

rng = random.Random(5)
lines = [line for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines() if 20 < len(line) < 100]
for _ in range(200):
    messages = [{"role": "system", "content": "Answer in one line."}] if rng.random() < 0.3 else []
    for _ in range(rng.randint(1, 3)):
        messages.append({"role": "user", "content": rng.choice(lines)})
        messages.append({"role": "assistant", "content": rng.choice(lines)})
    print(json.dumps({"messages": messages}))
