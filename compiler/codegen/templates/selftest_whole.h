/* Writes the self-test's input: that stream. */
@name@_status @name@_selftest_input(@name@_context *context);
