/* Two compiled models in one program; used by cases/compile-shared-kernels.txt. */
#include <stdio.h>

#include "ears_selftest.h"
#include "eyes_selftest.h"

static EARS_ARENA_ATTR unsigned char ears_arena[EARS_ARENA_SIZE];
static EYES_ARENA_ATTR unsigned char eyes_arena[EYES_ARENA_SIZE];

int main(void) {
  ears_context ears;
  eyes_context eyes;
  if (ears_init(&ears, ears_arena, sizeof ears_arena) != EARS_OK) return 1;
  if (eyes_init(&eyes, eyes_arena, sizeof eyes_arena) != EYES_OK) return 1;
  const ears_status heard = ears_selftest(&ears);
  const eyes_status seen = eyes_selftest(&eyes);
  printf("ears: %s\neyes: %s\n", ears_strerror(heard), eyes_strerror(seen));
  return heard == EARS_OK && seen == EYES_OK ? 0 : 1;
}
