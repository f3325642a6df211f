/* See key_samples.h.  All of them were made for these tests. */
#include "support/key_samples.h"

const struct key_sample key_samples[KEY_SAMPLES + 1] = {
	{ "RSA, PKCS#1",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAkEA3Nslsp3TyAFO\n"
	    "HmP4vgW+/jqHfZknsW5Ff1iY6F/AaGn1MR1qYttBSONTkN00GOycU4D+9Bpj1B4T\n"
	    "H7YAOAic5wJBAMlkF/QRqsf8zdI2ViWlK4ShhSFc8llwhicI+QUv1GHr1EJwZXZI\n"
	    "MXNpz7dRod8bVxRAB4q0I2pl5mSmF2LUTqkCQQDKPY+GwcoGM1PCto84CvD7wsMB\n"
	    "u3bCnpTbaVkUKWJ6+tRBdotOHTLqOOj0Feu4CyuXt98/zs6tliCzACmxJgnvAj8I\n"
	    "p0RgOGIeNb6iSbNp6q70A/y0ckn3jd41zyzkDCoUCw4TzMCPVIrLasCCH//Ullgn\n"
	    "hpjMXPEooThFGt3mYTkCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpM\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    NULL },
	{ "RSA, PKCS#8",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAK2+at44Mcy/9FrK\n"
	    "4+9Dupxs5ctwwm984VFBO+568liT3xZQW535L7HqWv6/k4AKn+8Twf8/nxOgj2LH\n"
	    "ykiob3uoas2X404FtNu1FHn3CGikWjdWWynmVapPGddL0WB4WnFRjEkK2ZeJGkad\n"
	    "7FDrFlVqg8hgIP/Xb4nEzSr6yfZ/AgMBAAECgYEAoRcYRwmbQtgHW9caF1GYyEg/\n"
	    "l6zo2i3TS19MjgT4hiA0i5/eEk5kZnWAAQrnW6R+PVD4Yg0/FRedWl0btNpW4az5\n"
	    "bvCYtRXTZ2JoU2AVI0kyjbCUx2sYf8G3eLm4D309W9d8hioNU3mACe8JS+Hnx///\n"
	    "S3v6104RuyHEtc4PHkECQQDc2yWyndPIAU4eY/i+Bb7+Ood9mSexbkV/WJjoX8Bo\n"
	    "afUxHWpi20FI41OQ3TQY7JxTgP70GmPUHhMftgA4CJznAkEAyWQX9BGqx/zN0jZW\n"
	    "JaUrhKGFIVzyWXCGJwj5BS/UYevUQnBldkgxc2nPt1Gh3xtXFEAHirQjamXmZKYX\n"
	    "YtROqQJBAMo9j4bBygYzU8K2jzgK8PvCwwG7dsKelNtpWRQpYnr61EF2i04dMuo4\n"
	    "6PQV67gLK5e33z/Ozq2WILMAKbEmCe8CPwinRGA4Yh41vqJJs2nqrvQD/LRySfeN\n"
	    "3jXPLOQMKhQLDhPMwI9UistqwIIf/9SWWCeGmMxc8SihOEUa3eZhOQJBALR112Th\n"
	    "TrpjwOIptjqC1O7E1QKMG0B5CFw7wkh2d3OK9tQQ+O88U8oUHRp9svTVgQmK80uE\n"
	    "a3JqJlBFEIZtakw=\n"
	    "-----END PRIVATE KEY-----\n",
	    NULL },
	{ "Ed25519",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n",
	    NULL },
	{ "lines end in CRLF",
	    "-----BEGIN PRIVATE KEY-----\r\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/"
	    "VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\r\n"
	    "-----END PRIVATE KEY-----\r\n",
	    NULL },
	{ "no final line end",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----",
	    NULL },
	{ "comments before and after",
	    "# of example.com\n"
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n"
	    "\n"
	    "# made in 2026\n"
	    "\n",
	    NULL },
	{ "wrapped at 20",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIE\n"
	    "IJ1hsZ3v/VpguoRK9JLs\n"
	    "LMREScVpezJpGXA7rAMc\n"
	    "rn9g\n"
	    "-----END PRIVATE KEY-----\n",
	    NULL },
	{ "nothing", "", "holds no private key in PEM" },
	{ "blank lines",
	    "\n"
	    " \n"
	    "\n",
	    "holds no private key in PEM" },
	{ "a word", "password\n", "holds no private key in PEM" },
	{ "base64 without a frame",
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/"
	    "VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n",
	    "holds no private key in PEM" },
	{ "public key",
	    "-----BEGIN PUBLIC KEY-----\n"
	    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	    "-----END PUBLIC KEY-----\n",
	    "holds a public key and no private key" },
	{ "public key, PKCS#1",
	    "-----BEGIN RSA PUBLIC KEY-----\n"
	    "MIGJAoGBAK2+at44Mcy/9FrK4+9Dupxs5ctwwm984VFBO+568liT3xZQW535L7Hq\n"
	    "Wv6/k4AKn+8Twf8/nxOgj2LHykiob3uoas2X404FtNu1FHn3CGikWjdWWynmVapP\n"
	    "GddL0WB4WnFRjEkK2ZeJGkad7FDrFlVqg8hgIP/Xb4nEzSr6yfZ/AgMBAAE=\n"
	    "-----END RSA PUBLIC KEY-----\n",
	    "holds a public key and no private key" },
	{ "certificate",
	    "-----BEGIN CERTIFICATE-----\n"
	    "MIIBLDCB36ADAgECAhQUGbRFT8MNWXeWyLgoR+32wJSicTAFBgMrZXAwDDEKMAgG\n"
	    "A1UEAwwBeDAeFw0yNjExMjIwODQwNDRaFw0yNjExMjMwODQwNDRaMAwxCjAIBgNV\n"
	    "BAMMAXgwKjAFBgMrZXADIQDXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdR\n"
	    "GqNTMFEwHQYDVR0OBBYEFFsnqlWJF5dw5HV1sWKh3tl7i/xtMB8GA1UdIwQYMBaA\n"
	    "FFsnqlWJF5dw5HV1sWKh3tl7i/xtMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA\n"
	    "O5vgT/I+Tkf6tXHSYHu+BCLRnqJ7UlcPjpAhn2sjK2cpwEcsf5YgyVvnUCPVpub4\n"
	    "HtY//E1NoKh2pSw1dfn2DQ==\n"
	    "-----END CERTIFICATE-----\n",
	    "holds a certificate and no private key" },
	{ "another block",
	    "-----BEGIN X-----\n"
	    "AA==\n"
	    "-----END X-----\n",
	    "a block of another kind and no private" },
	{ "key and public key",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n"
	    "-----BEGIN PUBLIC KEY-----\n"
	    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	    "-----END PUBLIC KEY-----\n",
	    "holds a public key beside" },
	{ "public key and key",
	    "-----BEGIN PUBLIC KEY-----\n"
	    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	    "-----END PUBLIC KEY-----\n"
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n",
	    "holds a public key beside" },
	{ "certificate and key",
	    "-----BEGIN CERTIFICATE-----\n"
	    "MIIBLDCB36ADAgECAhQUGbRFT8MNWXeWyLgoR+32wJSicTAFBgMrZXAwDDEKMAgG\n"
	    "A1UEAwwBeDAeFw0yNjExMjIwODQwNDRaFw0yNjExMjMwODQwNDRaMAwxCjAIBgNV\n"
	    "BAMMAXgwKjAFBgMrZXADIQDXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdR\n"
	    "GqNTMFEwHQYDVR0OBBYEFFsnqlWJF5dw5HV1sWKh3tl7i/xtMB8GA1UdIwQYMBaA\n"
	    "FFsnqlWJF5dw5HV1sWKh3tl7i/xtMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA\n"
	    "O5vgT/I+Tkf6tXHSYHu+BCLRnqJ7UlcPjpAhn2sjK2cpwEcsf5YgyVvnUCPVpub4\n"
	    "HtY//E1NoKh2pSw1dfn2DQ==\n"
	    "-----END CERTIFICATE-----\n"
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n",
	    "holds a certificate beside" },
	{ "two keys",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n"
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAkEA3Nslsp3TyAFO\n"
	    "HmP4vgW+/jqHfZknsW5Ff1iY6F/AaGn1MR1qYttBSONTkN00GOycU4D+9Bpj1B4T\n"
	    "H7YAOAic5wJBAMlkF/QRqsf8zdI2ViWlK4ShhSFc8llwhicI+QUv1GHr1EJwZXZI\n"
	    "MXNpz7dRod8bVxRAB4q0I2pl5mSmF2LUTqkCQQDKPY+GwcoGM1PCto84CvD7wsMB\n"
	    "u3bCnpTbaVkUKWJ6+tRBdotOHTLqOOj0Feu4CyuXt98/zs6tliCzACmxJgnvAj8I\n"
	    "p0RgOGIeNb6iSbNp6q70A/y0ckn3jd41zyzkDCoUCw4TzMCPVIrLasCCH//Ullgn\n"
	    "hpjMXPEooThFGt3mYTkCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpM\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "holds 2 private keys" },
	{ "the same key twice",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n"
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n",
	    "holds 2 private keys" },
	{ "EC, SEC 1",
	    "-----BEGIN EC PARAMETERS-----\n"
	    "BggqhkjOPQMBBw==\n"
	    "-----END EC PARAMETERS-----\n"
	    "-----BEGIN EC PRIVATE KEY-----\n"
	    "MHcCAQEEIN7V9DOEffdKyZzvvOef5Hv7XSnDEIZQRqFwsb1mxHuQoAoGCCqGSM49\n"
	    "AwEHoUQDQgAEoFIY8Uh2ds7oVXMb90nu9XDYjEefWdzqfDkwZQO4FfK2nl51/KZX\n"
	    "Kod20H7/YEjQuO5btrhO/W4nZXJpY8wuOg==\n"
	    "-----END EC PRIVATE KEY-----\n",
	    "is an EC key" },
	{ "EC, PKCS#8",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXfjDT6V1z3tjQe9T\n"
	    "1VdFQl2X30hX27wG2UJT1ERX0P2hRANCAAQzQX+ayg4SduQHzhcptMMWnhARCmpM\n"
	    "Zkjkdu73qlQtvDTfXuAQLexaoxEuruVE3W9tlDxfBTlJEDiCVFH/8Vnc\n"
	    "-----END PRIVATE KEY-----\n",
	    "type is EC," },
	{ "DSA",
	    "-----BEGIN DSA PRIVATE KEY-----\n"
	    "MIIBywIBAAKBgQD7Gur3Y1uZW+CAwMet8OGKaM/QRnm6OIYszjmnT63yZnnkoPuk\n"
	    "d2+CFl9QtDFCKmGnV+C1CaZNowcAK4WeHsRbiALEbxuw6Ak94lrBD+HKKyTM0H91\n"
	    "k51GOzOgiLFxWUbqcf6tsQFbpcEyTEUtC5v8IFjlNjPHrrX0D1JZFylPpwIdANEI\n"
	    "/KMJVHbYBLqn5yJHbYXZ/c5oVf4wQlrwJg0CgYBN1DP7m7GR5hJh5YzL0PKNmZIN\n"
	    "rZeXi1+LU+DlRCmxn5FXg/mavxac2oTea7GpccWyVdLeqkFCKVgB1mQIyjluUKMB\n"
	    "OdeWKpj+GiNaqkz1eF5FXmIO4tvpjZPACDN5LeuaYlAeHf9o9Ai7f7NeY0ia2lPm\n"
	    "lN3wjXQ2KQLIk0yhyQKBgQCK5Dg5q1IhksqMtQoXIC4CMabj4V1CPx7VrcM/MdEU\n"
	    "FcU+sGxeawHew5rNbHQ94z17EY5kiyV3jCN01a4vpRg24/tlarrBoJl2vlBWaW/U\n"
	    "5ma6Dn0NwmHrZT+dkKSLZwdFsf5iQW537nLt0Io2Kg1RzlNUOlzqjxvS6hR+TKxz\n"
	    "1QIcDzlazDdyJtXpHhSttFGAqVOHYTr8FI715CmFSQ==\n"
	    "-----END DSA PRIVATE KEY-----\n",
	    "is a DSA key" },
	{ "DSA, PKCS#8",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIIBWgIBADCCATMGByqGSM44BAEwggEmAoGBAPsa6vdjW5lb4IDAx63w4Ypoz9BG\n"
	    "ebo4hizOOadPrfJmeeSg+6R3b4IWX1C0MUIqYadX4LUJpk2jBwArhZ4exFuIAsRv\n"
	    "G7DoCT3iWsEP4corJMzQf3WTnUY7M6CIsXFZRupx/q2xAVulwTJMRS0Lm/wgWOU2\n"
	    "M8eutfQPUlkXKU+nAh0A0Qj8owlUdtgEuqfnIkdthdn9zmhV/jBCWvAmDQKBgE3U\n"
	    "M/ubsZHmEmHljMvQ8o2Zkg2tl5eLX4tT4OVEKbGfkVeD+Zq/FpzahN5rsalxxbJV\n"
	    "0t6qQUIpWAHWZAjKOW5QowE515YqmP4aI1qqTPV4XkVeYg7i2+mNk8AIM3kt65pi\n"
	    "UB4d/2j0CLt/s15jSJraU+aU3fCNdDYpAsiTTKHJBB4CHA85Wsw3cibV6R4UrbRR\n"
	    "gKlTh2E6/BSO9eQphUk=\n"
	    "-----END PRIVATE KEY-----\n",
	    "type is DSA," },
	{ "Ed448",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MEcCAQAwBQYDK2VxBDsEObG+ejx8rC+dBbVaBbLGbWJlJ2jfruPuL408dwAXlQaa\n"
	    "6BatpVYHY9UKL7E49dfzaGj8pf/ZwkSpHQ==\n"
	    "-----END PRIVATE KEY-----\n",
	    "type is ED448," },
	{ "X25519",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VuBCIEIBhgWcFefkH6Pp4LI9vkhq3gVmCxEurxjpScKS87rc5S\n"
	    "-----END PRIVATE KEY-----\n",
	    "type is X25519," },
	{ "RSA-PSS",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIICdQIBADALBgkqhkiG9w0BAQoEggJhMIICXQIBAAKBgQDTElSTaVjVw3hREgqp\n"
	    "kR4ZQoysdDTbidTdliCUXen4AQCR8LhT0+bC/HCPvmbUjhRkibvIEQ3SUEnz1cAS\n"
	    "txsluTFoNiPMq0+xapG4Reym1I/3SAJLiP6p9MufmG9MNK/tXNA9nmls010hq6rm\n"
	    "3zAR4G0cde8rfO0l4gM2poS48wIDAQABAoGBAKBl3qXDOcIAcE9TYYzofbH+c76d\n"
	    "9IkdHgliC9IT6DgSMue0wa7aahOlGLjznVtLuU2JqYzpANLhNsG4nuTaByLrV9mJ\n"
	    "EObDIJVzj7q7mL39LJY34l7RZRfoMN2xDd4zyG0HkxJlg9Ld8X9p4RuQe95zAkox\n"
	    "ReRCYqM4k8TmYPT5AkEA7EjeEDwLZHmeibGvMjqAigDYMNc/WbFEApCKkZZxgd2c\n"
	    "ozMyilYZIEuf874xq4v/bMmtMDe6oEbzxvdwF5TB/wJBAOSu5xGf767JKJB8XUxd\n"
	    "X570M9ba/VyKyrbaDNlZC7Udsra0G5SsVwwHY4xiTzNdwkeiUXS6mCB7AmSJRw8L\n"
	    "IQ0CQGY/ghj0Ytmv53MeePn7ZvRROTypaLifhRa3Bb/KooPYKphU52IFsAnRr/4C\n"
	    "J+xcQMQK4e8jrpb9HTDUkqUhsnECQGVs+YlEoV6pU3d54Tt8cmuirddOe27vE+ez\n"
	    "oF1J9DpZOKl2CoGPSnBIWqup8qy6me+Bm5UlKVHGnRIQHNccPYUCQQDZrP8I0vfN\n"
	    "8i6Ei28QvjsKeKALJfh+ivBt5vOuztCRZOrdHfwz9WMYfBqf+bps2dzD1L4r4ZMn\n"
	    "xGNXEod+LBec\n"
	    "-----END PRIVATE KEY-----\n",
	    "type is RSA-PSS," },
	{ "encrypted, PKCS#8",
	    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiPOrV7eIp3cgICCAAw\n"
	    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEM+BjGXFZy6GmgjQRskpFpUEQAr1\n"
	    "e2l1EOQj+LYDBmlbOVnG85BKzJRFtNDSnn1yPojb8sQC3N4Q0FzoLfbvGPNtTMjW\n"
	    "tw3GqwUGwRY/k8bt8SI=\n"
	    "-----END ENCRYPTED PRIVATE KEY-----\n",
	    "is encrypted" },
	{ "encrypted, PKCS#1",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "Proc-Type: 4,ENCRYPTED\n"
	    "DEK-Info: AES-128-CBC,9F4F9EF849B1525801E260E1607D8756\n"
	    "\n"
	    "n1JGPR/qaEulbVxGEWqDDrVuhsIQCdKAm0gk2gq6W8XBgrXfOBc63wFzOmkPZQDq\n"
	    "rJZO2UdonDoJNNIHUI8v+TMFWomsmAPjq+NKlJgsa7NjM5LjGh45oX1ylyC9jw7U\n"
	    "FzScgkNHnbU4mCDCpXvYdQaBugEY7NDpp8k+G8cGJpQpy86kGdmi+3bvPGZV/b4I\n"
	    "d+bG4gG9z9QT0kQfmR0dLvo8cwl1NnqP1/lrRaPyng8pFmpxBZfTAFJMSL0mkjmU\n"
	    "85pjSAOrpNMCX9Z03vzBM58ylSPZiPbvY7aNUjt+wx+yly0kzD5KHoQsqpsrRLCe\n"
	    "5sD5nrOXFju3O/AGg6zn6SlwGE0eTgDKo0PDm1sWQiGXK1xiNvd8X+nMW7A/8oIT\n"
	    "85vwsvjV7zDhTnpeakHGshsecUo4FI+x+r/IH/eL+ksK4Y/wjL1Y3ZyQcyqTtQGt\n"
	    "9r08qcIeJKWpQO8GX5v3qixYm8sLjHV77uGBYQDlsvEZ74Xu005DSOgaznrlrF9d\n"
	    "xuV4PUq4HpumKsnVltJ37Vqzwk2C2NYZlKZZyWepJYB2+N6Mwjh+HueTw1//WLM6\n"
	    "6YxaN2dUmOlHg/4cyQVbSHrpRqREZAsHZRtCqpTYIyTJ8kIK58in1YJsaVC2/AQk\n"
	    "sy/nPt1KznIRGzW8tPR6eMH0Ae5ESBU3iWOOSUEZhlZIOgvvLpvkvWeshZ7Sy2Qb\n"
	    "JqwT/ishfzkhMk4obAdKrnJdvr8wJjjDBSpjUZGM3hk9P9NX5JiUeMg0d9Z65web\n"
	    "5IiIRT3ZeCGoT3VejHeLpTJ0UnAF22ac5g8WQUGI0BbJTZ3Qa/3jSMnFZDSH0qd4\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "is encrypted" },
	{ "OpenSSH",
	    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
	    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2"
	    "gtZW\n"
	    "QyNTUxOQAAACCZKb1JP6w+vgKalxMZE7N2Su/BitOOi3sL/"
	    "ucjMwrBqwAAAIhL+M2gS/jN\n"
	    "oAAAAAtzc2gtZWQyNTUxOQAAACCZKb1JP6w+vgKalxMZE7N2Su/BitOOi3sL/"
	    "ucjMwrBqw\n"
	    "AAAED9fUXr30xDUMWUHFrtXmDCkuyhPrhHKporWdTm6W7egpkpvUk/"
	    "rD6+ApqXExkTs3ZK\n"
	    "78GK046Lewv+5yMzCsGrAAAAAAECAwQF\n"
	    "-----END OPENSSH PRIVATE KEY-----\n",
	    "form of OpenSSH" },
	{ "no last line",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/"
	    "VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n",
	    "is damaged: a PEM block" },
	{ "no first line",
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n",
	    "is damaged: a PEM block" },
	{ "ends as another",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PUBLIC KEY-----\n",
	    "is damaged: a PEM block" },
	{ "begins twice",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n",
	    "is damaged: a PEM block" },
	{ "rest of an older file",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n"
	    "hpjMXPEooThFGt3mYTkCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpM\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "is damaged: a PEM block" },
	{ "no base64",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "....\n"
	    "-----END PRIVATE KEY-----\n",
	    "is no base64" },
	{ "empty block",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "-----END PRIVATE KEY-----\n",
	    "is damaged, or of a type" },
	{ "half a key",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "is damaged, or of a type" },
	{ "bytes behind the key",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "AAAA\n"
	    "-----END PRIVATE KEY-----\n",
	    "is damaged, or of a type" },
	{ "seed of 31 bytes",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC0CAQAwBQYDK2VwBCEEHwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	    "-----END PRIVATE KEY-----\n",
	    "is damaged, or of a type" },
	{ "unknown algorithm",
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VpBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "-----END PRIVATE KEY-----\n",
	    "is damaged, or of a type" },
	{ "RSA of 512 bits",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIIBOgIBAAJBAKh85m178ezMBfjXYjGiXtE8OrCCJ+WGoLXWbgc4CCqQFeXFBUK4\n"
	    "gPBmXyzG0rh00tYUoTnG8qDjXFK94pb3l5ECAwEAAQJATwTEzPQkMfo9ksbwtnaA\n"
	    "IYEtxTpFm8/X72/xilEtA0hsqMdcy7dDzGt7q0fPX/VPKAV0NC/UPAQzSu/QClXb\n"
	    "QQIhAN90ClINjBM6/VegIvlXhCWrp4g/I2wECCz2rlGbmPTbAiEAwQdZ52vpRH/Y\n"
	    "Gq7cIYsDNR3+hRvr0WiL5hJXCaJu+wMCIQDDArd7Ep2brtCoZ3X+W3VVlvAXxNp6\n"
	    "Cy7DZumNCRk9HwIgIUkIOrzD87jr5eYDNZGIEw/CBOgEqQ6TGTBOa+3jn0sCIEX6\n"
	    "jON6QSuAFZyTd3ypoCxiJU0/Oz7uKDaqS2RiQjCq\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "RSA key of 512 bits" },
	{ "RSA of 1023 bits",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICWgIBAAKBgFVm2JgNaD0IyL36tNSa0Y6oYDvjAyE1J3TpBgQCUcot5c+FxjeO\n"
	    "w62OG6N+RLmtpWL4qrVq5upJF6CpYh4duKrMQoq6Asv7S0lkgW3S7Bs8bjTkRnYh\n"
	    "XAsF5UYhzN94gjFUORZkAFaYVzF0YFCDZXR9lScU0+cAv7UCtCsyXyhvAgMBAAEC\n"
	    "gYAtWXSwoYX1yyFWCLhXoXKgD3cyteSmkKRIJ6ljHZwzAVZkcYQFYpE0Kx8wHU//\n"
	    "TV9ig+uadI70YCXk0a1hkqTJn/EtYqIE4QsukHgcIceLIX9lPCHIelwTe+CJGM2f\n"
	    "z78wp0T6cmMAK1bGU7UkmQxK9JFVAPC2AVoMRGFuLo2g0QJBAM4bvUQNZ9nttqjn\n"
	    "Kp2SW79sCUST2vVXrHHwCjPogilPkBTZuIoucyAoSXNBGR26/p7LWiCZWtSr+Fb6\n"
	    "ARqnEnkCQGoTFBSxbn6gNw5iH6ZXwzPt00uNDlpVnInwU+heohu8AnhKGihBOf80\n"
	    "ffSEeJQGXh5QRB76Jw37nJwXIHawGCcCQQCx3sKRrjgHnNxcG1NttNc09Zlx81+t\n"
	    "B8KseYl0jp115VHkjJhzt+5mvB3XN0DjpXMDu17Gb1Ix409oUE0PoUuRAkAuw7x9\n"
	    "pv/cyYucRrxHXLfNhBM8YrKqNsYttgt4DYiQi6HXIGxJxP/puF2zWFfEgs4ptR9j\n"
	    "PMvNCVmxIy0HxnjPAkBtizefNtgaAUucQR5bidBZIkfqOJAUHdkM9fZZMqCRBgqN\n"
	    "YMvxpR330M6c7EmZPtKNqCsYZmSUe5MMY63B2OH5\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "RSA key of 1023 bits" },
	{ "RSA of 8193 bits",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIIEHQIBAAKCBAEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQIBAwIBBQIBBwIBCwIBDQIBEQIB\n"
	    "Ew==\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "RSA key of 8193 bits" },
	{ "RSA of 8192 bits, senseless",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIIEHQIBAAKCBAEAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQIBAwIBBQIBBwIBCwIBDQIBEQIB\n"
	    "Ew==\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA, wrong n",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2gQIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAkEA3Nslsp3TyAFO\n"
	    "HmP4vgW+/jqHfZknsW5Ff1iY6F/AaGn1MR1qYttBSONTkN00GOycU4D+9Bpj1B4T\n"
	    "H7YAOAic5wJBAMlkF/QRqsf8zdI2ViWlK4ShhSFc8llwhicI+QUv1GHr1EJwZXZI\n"
	    "MXNpz7dRod8bVxRAB4q0I2pl5mSmF2LUTqkCQQDKPY+GwcoGM1PCto84CvD7wsMB\n"
	    "u3bCnpTbaVkUKWJ6+tRBdotOHTLqOOj0Feu4CyuXt98/zs6tliCzACmxJgnvAj8I\n"
	    "p0RgOGIeNb6iSbNp6q70A/y0ckn3jd41zyzkDCoUCw4TzMCPVIrLasCCH//Ullgn\n"
	    "hpjMXPEooThFGt3mYTkCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpM\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA, wrong e",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAD\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAkEA3Nslsp3TyAFO\n"
	    "HmP4vgW+/jqHfZknsW5Ff1iY6F/AaGn1MR1qYttBSONTkN00GOycU4D+9Bpj1B4T\n"
	    "H7YAOAic5wJBAMlkF/QRqsf8zdI2ViWlK4ShhSFc8llwhicI+QUv1GHr1EJwZXZI\n"
	    "MXNpz7dRod8bVxRAB4q0I2pl5mSmF2LUTqkCQQDKPY+GwcoGM1PCto84CvD7wsMB\n"
	    "u3bCnpTbaVkUKWJ6+tRBdotOHTLqOOj0Feu4CyuXt98/zs6tliCzACmxJgnvAj8I\n"
	    "p0RgOGIeNb6iSbNp6q70A/y0ckn3jd41zyzkDCoUCw4TzMCPVIrLasCCH//Ullgn\n"
	    "hpjMXPEooThFGt3mYTkCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpM\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA, wrong d",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5DAkEA3Nslsp3TyAFO\n"
	    "HmP4vgW+/jqHfZknsW5Ff1iY6F/AaGn1MR1qYttBSONTkN00GOycU4D+9Bpj1B4T\n"
	    "H7YAOAic5wJBAMlkF/QRqsf8zdI2ViWlK4ShhSFc8llwhicI+QUv1GHr1EJwZXZI\n"
	    "MXNpz7dRod8bVxRAB4q0I2pl5mSmF2LUTqkCQQDKPY+GwcoGM1PCto84CvD7wsMB\n"
	    "u3bCnpTbaVkUKWJ6+tRBdotOHTLqOOj0Feu4CyuXt98/zs6tliCzACmxJgnvAj8I\n"
	    "p0RgOGIeNb6iSbNp6q70A/y0ckn3jd41zyzkDCoUCw4TzMCPVIrLasCCH//Ullgn\n"
	    "hpjMXPEooThFGt3mYTkCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpM\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA, wrong p",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAkEA3Nslsp3TyAFO\n"
	    "HmP4vgW+/jqHfZknsW5Ff1iY6F/AaGn1MR1qYttBSONTkN00GOycU4D+9Bpj1B4T\n"
	    "H7YAOAic6QJBAMlkF/QRqsf8zdI2ViWlK4ShhSFc8llwhicI+QUv1GHr1EJwZXZI\n"
	    "MXNpz7dRod8bVxRAB4q0I2pl5mSmF2LUTqkCQQDKPY+GwcoGM1PCto84CvD7wsMB\n"
	    "u3bCnpTbaVkUKWJ6+tRBdotOHTLqOOj0Feu4CyuXt98/zs6tliCzACmxJgnvAj8I\n"
	    "p0RgOGIeNb6iSbNp6q70A/y0ckn3jd41zyzkDCoUCw4TzMCPVIrLasCCH//Ullgn\n"
	    "hpjMXPEooThFGt3mYTkCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpM\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA, wrong q",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAkEA3Nslsp3TyAFO\n"
	    "HmP4vgW+/jqHfZknsW5Ff1iY6F/AaGn1MR1qYttBSONTkN00GOycU4D+9Bpj1B4T\n"
	    "H7YAOAic5wJBAMlkF/QRqsf8zdI2ViWlK4ShhSFc8llwhicI+QUv1GHr1EJwZXZI\n"
	    "MXNpz7dRod8bVxRAB4q0I2pl5mSmF2LUTqsCQQDKPY+GwcoGM1PCto84CvD7wsMB\n"
	    "u3bCnpTbaVkUKWJ6+tRBdotOHTLqOOj0Feu4CyuXt98/zs6tliCzACmxJgnvAj8I\n"
	    "p0RgOGIeNb6iSbNp6q70A/y0ckn3jd41zyzkDCoUCw4TzMCPVIrLasCCH//Ullgn\n"
	    "hpjMXPEooThFGt3mYTkCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpM\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA, wrong dp",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAkEA3Nslsp3TyAFO\n"
	    "HmP4vgW+/jqHfZknsW5Ff1iY6F/AaGn1MR1qYttBSONTkN00GOycU4D+9Bpj1B4T\n"
	    "H7YAOAic5wJBAMlkF/QRqsf8zdI2ViWlK4ShhSFc8llwhicI+QUv1GHr1EJwZXZI\n"
	    "MXNpz7dRod8bVxRAB4q0I2pl5mSmF2LUTqkCQQDKPY+GwcoGM1PCto84CvD7wsMB\n"
	    "u3bCnpTbaVkUKWJ6+tRBdotOHTLqOOj0Feu4CyuXt98/zs6tliCzACmxJgnxAj8I\n"
	    "p0RgOGIeNb6iSbNp6q70A/y0ckn3jd41zyzkDCoUCw4TzMCPVIrLasCCH//Ullgn\n"
	    "hpjMXPEooThFGt3mYTkCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpM\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA, wrong dq",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAkEA3Nslsp3TyAFO\n"
	    "HmP4vgW+/jqHfZknsW5Ff1iY6F/AaGn1MR1qYttBSONTkN00GOycU4D+9Bpj1B4T\n"
	    "H7YAOAic5wJBAMlkF/QRqsf8zdI2ViWlK4ShhSFc8llwhicI+QUv1GHr1EJwZXZI\n"
	    "MXNpz7dRod8bVxRAB4q0I2pl5mSmF2LUTqkCQQDKPY+GwcoGM1PCto84CvD7wsMB\n"
	    "u3bCnpTbaVkUKWJ6+tRBdotOHTLqOOj0Feu4CyuXt98/zs6tliCzACmxJgnvAj8I\n"
	    "p0RgOGIeNb6iSbNp6q70A/y0ckn3jd41zyzkDCoUCw4TzMCPVIrLasCCH//Ullgn\n"
	    "hpjMXPEooThFGt3mYTsCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpM\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA, wrong qinv",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAkEA3Nslsp3TyAFO\n"
	    "HmP4vgW+/jqHfZknsW5Ff1iY6F/AaGn1MR1qYttBSONTkN00GOycU4D+9Bpj1B4T\n"
	    "H7YAOAic5wJBAMlkF/QRqsf8zdI2ViWlK4ShhSFc8llwhicI+QUv1GHr1EJwZXZI\n"
	    "MXNpz7dRod8bVxRAB4q0I2pl5mSmF2LUTqkCQQDKPY+GwcoGM1PCto84CvD7wsMB\n"
	    "u3bCnpTbaVkUKWJ6+tRBdotOHTLqOOj0Feu4CyuXt98/zs6tliCzACmxJgnvAj8I\n"
	    "p0RgOGIeNb6iSbNp6q70A/y0ckn3jd41zyzkDCoUCw4TzMCPVIrLasCCH//Ullgn\n"
	    "hpjMXPEooThFGt3mYTkCQQC0dddk4U66Y8DiKbY6gtTuxNUCjBtAeQhcO8JIdndz\n"
	    "ivbUEPjvPFPKFB0afbL01YEJivNLhGtyaiZQRRCGbWpO\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA without primes",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIIBHwIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAgEAAgEAAgEAAgEA\n"
	    "AgEA\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA, a prime of 1",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXgIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIDAQAB\n"
	    "AoGBAKEXGEcJm0LYB1vXGhdRmMhIP5es6Not00tfTI4E+IYgNIuf3hJOZGZ1gAEK\n"
	    "51ukfj1Q+GINPxUXnVpdG7TaVuGs+W7wmLUV02diaFNgFSNJMo2wlMdrGH/Bt3i5\n"
	    "uA99PVvXfIYqDVN5gAnvCUvh58f//0t7+tdOEbshxLXODx5BAgEBAoGBAK2+at44\n"
	    "Mcy/9FrK4+9Dupxs5ctwwm984VFBO+568liT3xZQW535L7HqWv6/k4AKn+8Twf8/\n"
	    "nxOgj2LHykiob3uoas2X404FtNu1FHn3CGikWjdWWynmVapPGddL0WB4WnFRjEkK\n"
	    "2ZeJGkad7FDrFlVqg8hgIP/Xb4nEzSr6yfZ/AkEAyj2PhsHKBjNTwraPOArw+8LD\n"
	    "Abt2wp6U22lZFClievrUQXaLTh0y6jjo9BXruAsrl7ffP87OrZYgswApsSYJ7wI/\n"
	    "CKdEYDhiHjW+okmzaequ9AP8tHJJ943eNc8s5AwqFAsOE8zAj1SKy2rAgh//1JZY\n"
	    "J4aYzFzxKKE4RRrd5mE5AkEAtHXXZOFOumPA4im2OoLU7sTVAowbQHkIXDvCSHZ3\n"
	    "c4r21BD47zxTyhQdGn2y9NWBCYrzS4RrcmomUEUQhm1qTA==\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA of three primes",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICfQIBAQKBgQCRC/J+wLoAyddBlWA/dBPXHtg05Q9+GynNKSKnQZWp/D7+bP3M\n"
	    "VtWZcR6hY6JivOF7c5Ra0G+Ud8cRvsRNRG7Nwus5SvFK+w8T7WvxpItl3zP82yYN\n"
	    "BjzrMrEoT0Vwjf+W1NPm+XFmE3Jy+VaIcJ9VyvyA045QtE2m0dcpoHSz8QIDAQAB\n"
	    "AoGAexksoK5oLasfaKWhnbih7fxbeei9EUV0YI38vv5GSpGt1LgjXXyEo0kBrmRc\n"
	    "f0tSlwSfq27UY0evX/l8XFtUdzvFgMf+LPiGkxgtHoir1BSGrhM5ogrmTUGhhcPG\n"
	    "WEt2EgQfr2IrveyEdZrRt5/zwIXsC2s7yA/vHmcb+iIgWAECKzEoHu8UOkCS/D/2\n"
	    "R2Hu3CLpm+Sz12bOPbYYlorQe541lVhr3XhtazqZP6ECKx9b3isi/iIYWLq7sR9H\n"
	    "x1W2paV37TiagY84qFmyg+/yGqtD1i8n39pfi50CKwTZw6ut4E2s821QXRzh2CEt\n"
	    "0i9QO8ouQdKtPHW4OuqSuQj/o9wVWAZxRuECKwiEJHPGjwmnXwFnU5TRI3tNnPKw\n"
	    "/QVwQFsq4d1qM5aIQ2HbjGFGDO77H6kCKy+Igmthgan0WZ0v4EPRR/5qdAmeANHj\n"
	    "TI/WNFsPafaZe7DmzsogghIUrkUwgYowgYcCKxgWlQxTHTuFyKs5tmfsRdV/jarf\n"
	    "fDxConXYEgZc0Qgu7d97jG5meIgIJUUCKwz0sGv1lCZ8mWbG3r3cjd78AQVjuJ1s\n"
	    "tZauhVtYtrExFI38FJcYlEGOKAUCKwXNpkLX8vhdOw23uaGZzb5KobDa/UBhoDwA\n"
	    "xUjrcas7wA9LD3899krMlpE=\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "numbers do not belong together" },
	{ "RSA, exponent of 1",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIIBXAIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIBAQIB\n"
	    "AQJBANzbJbKd08gBTh5j+L4Fvv46h32ZJ7FuRX9YmOhfwGhp9TEdamLbQUjjU5Dd\n"
	    "NBjsnFOA/vQaY9QeEx+2ADgInOcCQQDJZBf0EarH/M3SNlYlpSuEoYUhXPJZcIYn\n"
	    "CPkFL9Rh69RCcGV2SDFzac+3UaHfG1cUQAeKtCNqZeZkphdi1E6pAgEBAgEBAkEA\n"
	    "tHXXZOFOumPA4im2OoLU7sTVAowbQHkIXDvCSHZ3c4r21BD47zxTyhQdGn2y9NWB\n"
	    "CYrzS4RrcmomUEUQhm1qTA==\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "public key is unusable" },
	{ "RSA, exponent of 65 bits",
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICZAIBAAKBgQCtvmreODHMv/RayuPvQ7qcbOXLcMJvfOFRQTvuevJYk98WUFud\n"
	    "+S+x6lr+v5OACp/vE8H/P58ToI9ix8pIqG97qGrNl+NOBbTbtRR59whopFo3Vlsp\n"
	    "5lWqTxnXS9FgeFpxUYxJCtmXiRpGnexQ6xZVaoPIYCD/12+JxM0q+sn2fwIJAQAA\n"
	    "AAAAAAANAoGAKt54SjA4/h4GJm9FVWLOM5o1IJOlI7r7g0uuUJl+sOIsVoWJYz2b\n"
	    "BynZRrr/6Sq1rl8IhQiIo5MGxh3b7V12G97jA24jTFBRFhnC+BfH9brHGMnjyrA9\n"
	    "IDo9Ab2W57bPYrwZNyUd3T/xd7dBBR6rrLh55GIK2R2pqVOmWggfRRUCQQDc2yWy\n"
	    "ndPIAU4eY/i+Bb7+Ood9mSexbkV/WJjoX8BoafUxHWpi20FI41OQ3TQY7JxTgP70\n"
	    "GmPUHhMftgA4CJznAkEAyWQX9BGqx/zN0jZWJaUrhKGFIVzyWXCGJwj5BS/UYevU\n"
	    "QnBldkgxc2nPt1Gh3xtXFEAHirQjamXmZKYXYtROqQJBAIAVNkuKM2phEdmHdZ3g\n"
	    "yTBgMskfdxK/dlDcxD1KtyyixoPdPZ1Rqq9kXJt1N8Ri0XKVHgPxXODqSLMtoem6\n"
	    "4G0CQQCNv2ISh55ib3ehyURzGyN5n4XK4YnnfxsdnS7flz0Fstlg4Fqf2cVZzgXT\n"
	    "sIOVTQo+4eFbWirQ0XWfIXZW12Z9AkEAtHXXZOFOumPA4im2OoLU7sTVAowbQHkI\n"
	    "XDvCSHZ3c4r21BD47zxTyhQdGn2y9NWBCYrzS4RrcmomUEUQhm1qTA==\n"
	    "-----END RSA PRIVATE KEY-----\n",
	    "public key is unusable" },
	{ NULL, NULL, NULL },
};
