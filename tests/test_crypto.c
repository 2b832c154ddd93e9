#include "tests/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metadata/crypto_openssl.h"
#include "metadata/encode.h"

START_TEST(known_answers_hold)
{
    ck_assert(up_crypto_selftest());
}
END_TEST

SUITE("crypto", known_answers_hold)
