// The commit that was built, which Package.swift defines.
#include "build_facts.h"

const char *rn_build_commit(void) { return RN_COMMIT; }
