// Includes the one header that check.sh asks about.
#include HEADER

int main(void) { return 0; }
