// A small wrapper around libedit, whose variadic functions Swift cannot call.

#define _GNU_SOURCE
#include "line_editor.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

struct le_editor {
  EditLine *line;
  History *history;
  FILE *output;
  locale_t locale;
  const char *prompt;
  mbstate_t shift;
  sigset_t waiting;
  struct winsize size;
  int wake;
  bool is_woken;
  bool is_empty;
};

// The number of lines in the history.
static const int history_length = 1000;

static le_editor *editor_of(EditLine *line) {
  le_editor *editor = NULL;
  el_get(line, EL_CLIENTDATA, &editor);
  return editor;
}

static char *show_prompt(EditLine *line) { return (char *)editor_of(line)->prompt; }

// A change of the terminal's size is handled at the next key.
static void follow_size(le_editor *editor) {
  struct winsize size;
  if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0) return;
  if (size.ws_col != editor->size.ws_col || size.ws_row != editor->size.ws_row) el_resize(editor->line);
  editor->size = size;
}

static volatile sig_atomic_t is_continued;
static pthread_t reader;

// The system delivers a signal to any thread, but only the reading one waits in a call that the signal should end.
static void note_continued(int number) {
  is_continued = 1;
  if (!pthread_equal(pthread_self(), reader)) pthread_kill(reader, number);
}

// When a shell stops the program (Ctrl-Z), it changes the terminal's mode and writes on the line.
static void prepare_again(EditLine *line) {
  is_continued = 0;
  el_set(line, EL_PREP_TERM, 0);
  el_set(line, EL_PREP_TERM, 1);
  el_set(line, EL_REFRESH);
}

// Reads the next character: 1, 0 at the end, -1 if woken. Bytes that are not UTF-8 are skipped.
static int next_character(EditLine *line, wchar_t *character) {
  le_editor *editor = editor_of(line);
  while (true) {
    struct pollfd places[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = editor->wake, .events = POLLIN}};
    // SIGCONT is unblocked only during this wait, so that none is missed just before it.
    const int ready = ppoll(places, 2, NULL, &editor->waiting);
    if (is_continued) prepare_again(line);
    if (ready < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return 0;
    }
    if (places[1].revents != 0) {
      const LineInfo *info = el_line(line);
      int unread = 0;
      ioctl(STDIN_FILENO, FIONREAD, &unread);
      editor->is_woken = true;
      editor->is_empty = info->lastchar == info->buffer && unread == 0;
      tcflush(STDIN_FILENO, TCIFLUSH);
      return -1;
    }
    char byte;
    const ssize_t count = read(STDIN_FILENO, &byte, 1);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) return 0;
    const size_t length = mbrtowc(character, &byte, 1, &editor->shift);
    if (length == (size_t)-2) continue;
    if (length == (size_t)-1) {
      memset(&editor->shift, 0, sizeof editor->shift);
      continue;
    }
    follow_size(editor);
    return 1;
  }
}

// Text that a terminal sends between ESC [ 200 ~ and ESC [ 201 ~ is pasted, with newlines but without other control
// characters.
static unsigned char paste(EditLine *line, int key) {
  (void)key;
  static const wchar_t end[] = L"\033[201~";
  size_t found = 0;
  wchar_t before = 0, next[2] = {0, 0};
  while (end[found] != 0) {
    if (el_wgetc(line, &next[0]) != 1) return CC_EOF;
    found = next[0] == end[found] ? found + 1 : next[0] == end[0] ? 1 : 0;
    if (found > 0) continue;
    const bool follows_return = before == L'\r' && next[0] == L'\n';
    before = next[0];
    if (next[0] == L'\r') next[0] = L'\n';
    const bool is_text = next[0] == L'\n' || next[0] == L'\t' || (next[0] >= 0x20 && next[0] != 0x7F);
    if (is_text && !follows_return) el_winsertstr(line, next);
  }
  return CC_REFRESH;
}

// Key bindings that other programs use, where libedit's own keys differ.
static void bind_keys(EditLine *line) {
  static const char *const keys[][2] = {
    {"^U", "vi-kill-line-prev"},         {"^W", "ed-delete-prev-word"},        {"^R", "em-inc-search-prev"},
    {"\\e[1~", "ed-move-to-beg"},        {"\\e[7~", "ed-move-to-beg"},         {"\\e[H", "ed-move-to-beg"},
    {"\\eOH", "ed-move-to-beg"},         {"\\e[4~", "ed-move-to-end"},         {"\\e[8~", "ed-move-to-end"},
    {"\\e[F", "ed-move-to-end"},         {"\\eOF", "ed-move-to-end"},          {"\\e[3~", "ed-delete-next-char"},
    {"\\e[1;5C", "em-next-word"},        {"\\e[1;5D", "ed-prev-word"},         {"\\e[200~", "retnet-paste"},
  };
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) el_set(line, EL_BIND, keys[i][0], keys[i][1], NULL);
}

le_editor *le_create(const char *program, int wake) {
  le_editor *editor = calloc(1, sizeof *editor);
  if (editor == NULL) return NULL;
  editor->wake = wake;
  editor->prompt = "";
  editor->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
  // Buffered, because a redrawn line consists of many small writes.
  const int descriptor = dup(STDERR_FILENO);
  editor->output = descriptor < 0 ? NULL : fdopen(descriptor, "w");
  if (editor->output == NULL && descriptor >= 0) close(descriptor);
  const locale_t before = editor->locale ? uselocale(editor->locale) : NULL;
  if (editor->output != NULL) {
    editor->line = el_init_fd(
      program, stdin, editor->output, editor->output, STDIN_FILENO, STDERR_FILENO, STDERR_FILENO);
  }
  editor->history = history_init();
  if (editor->line != NULL && editor->history != NULL) {
    HistEvent event;
    history(editor->history, &event, H_SETSIZE, history_length);
    history(editor->history, &event, H_SETUNIQUE, 1);
    ioctl(STDIN_FILENO, TIOCGWINSZ, &editor->size);
    el_set(editor->line, EL_CLIENTDATA, editor);
    el_set(editor->line, EL_SIGNAL, 0);
    el_set(editor->line, EL_HIST, history, editor->history);
    el_set(editor->line, EL_PROMPT, show_prompt);
    el_set(editor->line, EL_EDITOR, "emacs");
    // Otherwise the system discards the keys before Ctrl-C, perhaps after `poll` has reported them. A read would then
    // block.
    el_set(editor->line, EL_SETTY, "-d", "+noflsh", NULL);
    el_set(editor->line, EL_ADDFN, "retnet-paste", "Insert what the terminal pastes", paste);
    el_wset(editor->line, EL_GETCFN, next_character);
    bind_keys(editor->line);
  }
  if (before) uselocale(before);
  if (editor->line != NULL && editor->history != NULL) return editor;
  le_free(editor);
  return NULL;
}

void le_free(le_editor *editor) {
  if (editor == NULL) return;
  if (editor->line != NULL) el_end(editor->line);
  if (editor->history != NULL) history_end(editor->history);
  if (editor->output != NULL) fclose(editor->output);
  if (editor->locale) freelocale(editor->locale);
  free(editor);
}

// A terminal that understands no control sequences would show this one.
static void switch_paste(const le_editor *editor, bool is_on) {
  const char *terminal = getenv("TERM");
  if (terminal == NULL || strcmp(terminal, "dumb") == 0) return;
  fputs(is_on ? "\033[?2004h" : "\033[?2004l", editor->output);
  fflush(editor->output);
}

le_outcome le_read(le_editor *editor, const char *prompt, const char **text, size_t *count) {
  editor->prompt = prompt;
  editor->is_woken = false;
  memset(&editor->shift, 0, sizeof editor->shift);
  const locale_t before = editor->locale ? uselocale(editor->locale) : NULL;
  reader = pthread_self();
  struct sigaction noting = {.sa_handler = note_continued}, usual;
  sigaction(SIGCONT, &noting, &usual);
  sigset_t continuing, mask;
  sigemptyset(&continuing);
  sigaddset(&continuing, SIGCONT);
  pthread_sigmask(SIG_BLOCK, &continuing, &mask);
  // A program inherits the signal mask of the thread that started it, which may block every signal.
  editor->waiting = mask;
  sigdelset(&editor->waiting, SIGCONT);
  switch_paste(editor, true);
  // Before the prompt: keys typed in between would be shown twice, by the terminal and by the editor.
  el_set(editor->line, EL_PREP_TERM, 1);
  int length = 0;
  const char *line = el_gets(editor->line, &length);
  switch_paste(editor, false);
  sigaction(SIGCONT, &usual, NULL);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  const bool is_line = line != NULL && length > 0;
  if (is_line) {
    if (line[length - 1] == '\n') length--;
    *text = line;
    *count = (size_t)length;
    HistEvent event;
    if (length > 0) history(editor->history, &event, H_ENTER, line);
  } else {
    // The cursor is after the typed text.
    fputc('\n', editor->output);
    fflush(editor->output);
  }
  if (before) uselocale(before);
  if (is_line) return le_line;
  return !editor->is_woken ? le_end : editor->is_empty ? le_woken_empty : le_woken;
}
