/* Writes the next row of the self-test's input, which is that stream, where @name@_next_row says; @name@_row_done is
 * to follow. */
@name@_status @name@_selftest_row(@name@_context *context, uint32_t *state);

/* Gives the network all rows of a new image. */
@name@_status @name@_selftest_input(@name@_context *context);
