@name@_status @name@_selftest_row(@name@_context *context, uint32_t *state) {
  void *const row = @name@_next_row(context);
  if (row == NULL || state == NULL) return @NAME@_ERROR_NULL;
@fill@  return @NAME@_OK;
}

@name@_status @name@_selftest_input(@name@_context *context) {
  uint32_t state = @NAME@_SELFTEST_SEED;
  @name@_status status = @name@_restart(context);
  while (status == @NAME@_OK && @name@_rows_wanted(context) != 0u) {
    status = @name@_selftest_row(context, &state);
    if (status == @NAME@_OK) status = @name@_row_done(context);
  }
  return status;
}
