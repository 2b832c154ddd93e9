/* Keys and signatures of ECDSA P-256 that every implementation of the cryptography port takes, or refuses.
 * All in hex; the signatures are of "sample". Key and signature: RFC 6979, A.2.5. */
#ifndef TESTS_ECDSA_CASES_H
#define TESTS_ECDSA_CASES_H

#define ECDSA_X "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
#define ECDSA_Y "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define ZEROS   "0000000000000000000000000000000000000000000000000000000000000000"
#define PRIME   "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
#define ROOT_B                                                                                               \
    "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4" /* y of the points with x = 0 */

static const char ecdsa_key[] = "04" ECDSA_X ECDSA_Y;
static const char *const ecdsa_no_keys[] = {
    "04" ECDSA_X "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462298", /* beside the curve */
    "03" ECDSA_X,                                                                    /* compressed */
    "07" ECDSA_X ECDSA_Y,                                                            /* hybrid */
    "00",                                                                            /* infinity */
    "04" ZEROS ZEROS,
    "04" PRIME ROOT_B, /* x = p: another spelling of 0 */
    "04" ECDSA_X ECDSA_Y "00",
    "",
};

#define SIG_R     "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define SIG_S     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
#define SIG_LOW_S "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9" /* n - s */
#define ORDER     "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

static const char *const ecdsa_good[] = {
    "3046022100" SIG_R "022100" SIG_S, "3045022100" SIG_R "0220" SIG_LOW_S, /* the standard allows both */
};
static const char *const ecdsa_bad[] = {
    SIG_R SIG_S,                            /* no DER */
    "308146022100" SIG_R "022100" SIG_S,    /* long length */
    "30820046022100" SIG_R "022100" SIG_S,  /* longer */
    "3047022100" SIG_R "022100" SIG_S "00", /* trailing, inside */
    "3046022100" SIG_R "022100" SIG_S "00", /* trailing, outside */
    "304802220000" SIG_R "02220000" SIG_S,  /* padded integers */
    "3044"
    "0220" SIG_R "0220" SIG_S, /* negative integers */
    "30460221"
    "80" SIG_R "022100" SIG_S,                /* negative */
    "3080022100" SIG_R "022100" SIG_S "0000", /* indefinite length */
    "3047022100" SIG_R "02810200" SIG_S,      /* broken length */
    "3046032100" SIG_R "022100" SIG_S,        /* a bit string */
    "3146022100" SIG_R "022100" SIG_S,        /* a set */
    "3023022100" SIG_R,                       /* one integer */
    "3026020100"
    "022100" SIG_S,                    /* r = 0 */
    "3026022100" SIG_R "020100",       /* s = 0 */
    "3046022100" ORDER "022100" SIG_S, /* r = n */
    "3046022100" SIG_R "022100" ORDER, /* s = n */
    "3046022101" SIG_R "022100" SIG_S, /* r + 2^256 */
    "3006020101"
    "020101", /* r = s = 1 */
    "3006020100"
    "020100", /* r = s = 0 */
    "3000",
    "",
};

#endif
