/* What every test of the API includes: cmocka, and what the tests share. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "daemon.h"
#include "http.h"
#include "json.h"
#include "raw.h"
#include "stream.h"
#include "work.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* A test whose replies are freed after it. */
#define TEST(function) cmocka_unit_test_teardown(function, http_forget)
/* The same for one that starts endless jobs: one that failed in between leaves none behind. */
#define TEST_OF_WORK(function) cmocka_unit_test_teardown(function, cancel_all)
