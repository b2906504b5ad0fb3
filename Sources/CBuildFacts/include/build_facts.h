// What the build knows of itself.
#ifndef RN_BUILD_FACTS_H
#define RN_BUILD_FACTS_H

// The commit that was built, or "unknown" outside a git checkout. A constant; nothing to free.
const char *rn_build_commit(void);

#endif
