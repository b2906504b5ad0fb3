// A line editor on the terminal of standard input: libedit, always with UTF-8, and with bracketed paste.
//
// The prompt is on standard error, so that standard output holds only the program's results. Use one thread at a time.

#ifndef LINE_EDITOR_H
#define LINE_EDITOR_H

#include <stddef.h>

typedef struct le_editor le_editor;

typedef enum {
  le_line,         // A line was typed.
  le_woken,        // `wake` became readable, in the middle of a line.
  le_woken_empty,  // The same while nothing was typed.
  le_end,          // Ctrl-D on an empty line, or the terminal is gone.
} le_outcome;

// `wake` ends a read as soon as it is readable; it is never read here. Returns NULL if there is no memory.
le_editor *le_create(const char *program, int wake);

// Accepts NULL.
void le_free(le_editor *editor);

// Reads a line. `*text` points to `*count` bytes of UTF-8 without the final newline, valid until the next call. A paste
// may contain newlines. Lines that are not empty are added to the history. `prompt` is ASCII.
le_outcome le_read(le_editor *editor, const char *prompt, const char **text, size_t *count);

#endif
