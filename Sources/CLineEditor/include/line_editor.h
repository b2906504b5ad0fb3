// A line editor on the terminal of standard input: libedit, with UTF-8 whatever the locale says, and with bracketed paste.
//
// It shows itself on standard error, so that standard output stays what a program prints. One thread at a time.

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

// `wake` ends a read as soon as it can be read from; nobody reads from it here. NULL if there is no memory.
le_editor *le_create(const char *program, int wake);

// Accepts NULL.
void le_free(le_editor *editor);

// Reads a line. `*text` are `*count` bytes of UTF-8 without the newline at the end, valid until the next call; a paste may
// have put newlines inside. Lines that are not empty go to the history. `prompt` is ASCII.
le_outcome le_read(le_editor *editor, const char *prompt, const char **text, size_t *count);

#endif
