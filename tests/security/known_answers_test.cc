// Published test vectors through our wrappers: that we call the libraries the way the standards
// mean it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "security/cipher_libraries.h"
#include "security/key_derivation.h"
#include "security/packet_cipher.h"
#include "support/golden_file.h"
#include "wire/limits.h"

namespace cohort::security {
namespace {

using ::cohort::testing::FromHex;

std::vector<std::byte> Hkdf(const std::string& secret, const std::string& salt,
                            const std::string& info, size_t size) {
  std::vector<std::byte> out(size);
  EXPECT_TRUE(HkdfSha256(FromHex(secret), FromHex(salt), FromHex(info), out));
  return out;
}

// RFC 5869, appendix A.
TEST(KnownAnswers, HkdfOfRfc5869Case1) {
  EXPECT_EQ(
      Hkdf("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
           "f0f1f2f3f4f5f6f7f8f9", 42),
      FromHex(
          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
}

TEST(KnownAnswers, HkdfOfRfc5869Case3WithoutSaltAndInfo) {
  EXPECT_EQ(
      Hkdf("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "", 42),
      FromHex(
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"));
}

struct GcmVector {
  std::string key, iv, plaintext, associated, sealed;
};

// Test cases 13, 14 and 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", as NIST
// adopted them.
std::vector<GcmVector> GcmVectors() {
  const std::string zeros(64, '0');
  return {
      {zeros, zeros.substr(0, 24), "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
      {zeros, zeros.substr(0, 24), zeros.substr(0, 32), "",
       "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
      {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
       "cafebabefacedbaddecaf888",
       "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a"
       "6b525b16aedf5aa0de657"
       "ba637b39",
       "feedfacedeadbeeffeedfacedeadbeefabaddad2",
       "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10568"
       "28838c5f61e6393ba7a0ab"
       "cc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
  };
}

SecretKey KeyOf(const std::string& hex) {
  SecretKey key;
  const std::vector<std::byte> bytes = FromHex(hex);
  std::copy(bytes.begin(), bytes.end(), key.Fill().begin());
  return key;
}
Nonce NonceOfHex(const std::string& hex) {
  Nonce nonce;
  const std::vector<std::byte> bytes = FromHex(hex);
  std::copy(bytes.begin(), bytes.end(), nonce.begin());
  return nonce;
}

class AesGcm : public ::testing::TestWithParam<CipherLibrary> {
 protected:
  static std::unique_ptr<PacketCipher> Sealing(const SecretKey& key) {
    return PacketCipher::Make(PacketCipher::Direction::kSeal, key, GetParam());
  }
  static std::unique_ptr<PacketCipher> Opening(const SecretKey& key) {
    return PacketCipher::Make(PacketCipher::Direction::kOpen, key, GetParam());
  }
};

std::vector<CipherLibrary> Libraries() {
  std::vector<CipherLibrary> libraries = {CipherLibrary::kOpenSsl};
  if (BestCipherLibrary() != CipherLibrary::kOpenSsl) libraries.push_back(BestCipherLibrary());
  return libraries;
}
INSTANTIATE_TEST_SUITE_P(KnownAnswers, AesGcm, ::testing::ValuesIn(Libraries()),
                         [](const ::testing::TestParamInfo<CipherLibrary>& one) {
                           return one.param == CipherLibrary::kOpenSsl ? "OpenSsl" : "IpsecMb";
                         });

TEST_P(AesGcm, SealsTheVectors) {
  for (const GcmVector& vector : GcmVectors()) {
    const auto cipher = Sealing(KeyOf(vector.key));
    const std::vector<std::byte> plaintext = FromHex(vector.plaintext);
    std::vector<std::byte> sealed(plaintext.size() + wire::kTagBytes);
    for (int repeat = 0; repeat < 2; ++repeat) {  // One context seals many packets.
      cipher->Seal(NonceOfHex(vector.iv), FromHex(vector.associated), plaintext, sealed);
      EXPECT_EQ(sealed, FromHex(vector.sealed));
    }
  }
}

TEST_P(AesGcm, SealsInPlace) {
  const GcmVector vector = GcmVectors()[2];
  const auto cipher = Sealing(KeyOf(vector.key));
  std::vector<std::byte> packet = FromHex(vector.plaintext);
  const size_t size = packet.size();
  packet.resize(size + wire::kTagBytes);
  cipher->Seal(NonceOfHex(vector.iv), FromHex(vector.associated), Bytes(packet).first(size),
               packet);
  EXPECT_EQ(packet, FromHex(vector.sealed));
}

TEST_P(AesGcm, OpensTheVectorsAndRefusesThemAltered) {
  for (const GcmVector& vector : GcmVectors()) {
    const auto cipher = Opening(KeyOf(vector.key));
    std::vector<std::byte> sealed = FromHex(vector.sealed);
    std::vector<std::byte> plaintext(sealed.size() - wire::kTagBytes);
    const std::vector<std::byte> associated = FromHex(vector.associated);
    const Nonce nonce = NonceOfHex(vector.iv);
    for (std::byte& byte : sealed) {
      byte ^= std::byte{1};
      EXPECT_FALSE(cipher->Open(nonce, associated, sealed, plaintext));
      byte ^= std::byte{1};
    }
    EXPECT_TRUE(cipher->Open(nonce, associated, sealed, plaintext))
        << "a refusal leaves the context usable";
    EXPECT_EQ(plaintext, FromHex(vector.plaintext));
    EXPECT_FALSE(cipher->Open(nonce, associated, Bytes(sealed).first(wire::kTagBytes - 1), {}))
        << "no room for a tag";
  }
}

TEST_P(AesGcm, SealsPacketsOfEveryLengthInPlaceAsOpenSslDoesAndOpensNoneThatWasAltered) {
  SecretKey key;
  std::vector<std::byte> plaintext(wire::kJumboFramesMax);
  for (size_t i = 0; i < plaintext.size(); ++i) plaintext[i] = static_cast<std::byte>(i * 11 + 1);
  std::copy_n(plaintext.begin(), kKeyBytes, key.Fill().begin());
  const auto sealing = Sealing(key);
  const auto opening = Opening(key);
  const auto openssl = MakeOpenSslCipher(PacketCipher::Direction::kSeal, key);
  for (size_t size = 0; size <= plaintext.size(); size += size < 2048 ? 1 : 97) {
    const size_t start = size % 16;  // Packets begin where a header ends.
    const Bytes packet = Bytes(plaintext).first(size);
    const Bytes associated = Bytes(plaintext).subspan(start, size % 70);
    const Nonce nonce = NonceOf(size + 1);
    std::vector<std::byte> buffer(start + size + wire::kTagBytes);
    const MutableBytes sealed = MutableBytes(buffer).subspan(start);
    std::vector<std::byte> expected(sealed.size());
    std::copy(packet.begin(), packet.end(), sealed.begin());
    sealing->Seal(nonce, associated, sealed.first(size), sealed);
    openssl->Seal(nonce, associated, packet, expected);
    ASSERT_TRUE(std::equal(sealed.begin(), sealed.end(), expected.begin())) << size;
    std::vector<std::byte> garbage(size);
    for (const size_t at : {size_t{0}, size / 2, size, sealed.size() - 1}) {  // Body and tag.
      sealed[at] ^= std::byte{0x40};
      ASSERT_FALSE(opening->Open(nonce, associated, sealed, garbage)) << size << " at " << at;
      sealed[at] ^= std::byte{0x40};
    }
    ASSERT_FALSE(opening->Open(NonceOf(size + 2), associated, sealed, garbage)) << size;
    ASSERT_FALSE(
        opening->Open(nonce, Bytes(plaintext).subspan(1 + start, size % 70 + 1), sealed, garbage))
        << size;
    ASSERT_TRUE(opening->Open(nonce, associated, sealed, sealed.first(size))) << size;
    ASSERT_TRUE(std::equal(packet.begin(), packet.end(), sealed.begin())) << size;
  }
}

#ifdef COHORT_IPSEC_MB
TEST(CipherLibraries, IpsecMbIsUsedWhereItsPackageAndTheInstructionsAre) {
  EXPECT_EQ(BestCipherLibrary() == CipherLibrary::kIpsecMb,
            static_cast<bool>(__builtin_cpu_supports("aes")))
      << "COHORT_CIPHER is set, or libipsec-mb1 is of another version than libipsec-mb-dev";
}
#endif

TEST(KeyDerivation, GivesEverySenderAttemptChannelEpochGroupAndKeyAnotherSubkey) {
  const GroupKey key = KeyOf("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const GroupKey other_key =
      KeyOf("ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const KeyDerivation keys(key, "group");
  const MemberId sender{.instance = {.hi = 1, .lo = 2}, .join_no = 3};
  const std::vector<SecretKey> subkeys = {
      keys.PacketKey(sender, wire::PacketType::kMulticast, 0),
      keys.PacketKey(sender, wire::PacketType::kUnicast, 0),
      keys.PacketKey(sender, wire::PacketType::kStranger, 0),
      keys.PacketKey(sender, wire::PacketType::kMulticast, 1),
      keys.PacketKey({.instance = {.hi = 1, .lo = 2}, .join_no = 4}, wire::PacketType::kMulticast,
                     0),
      keys.PacketKey({.instance = {.hi = 1, .lo = 3}, .join_no = 3}, wire::PacketType::kMulticast,
                     0),
      keys.PacketKey({.instance = {.hi = 2, .lo = 2}, .join_no = 3}, wire::PacketType::kMulticast,
                     0),
      KeyDerivation(key, "other").PacketKey(sender, wire::PacketType::kMulticast, 0),
      KeyDerivation(other_key, "group").PacketKey(sender, wire::PacketType::kMulticast, 0),
      keys.LifelinePsk().secret,
      key,
  };
  for (size_t i = 0; i < subkeys.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(subkeys[i], subkeys[j]) << i << " and " << j;
  }
  EXPECT_EQ(subkeys[0],
            KeyDerivation(key, "group").PacketKey(sender, wire::PacketType::kMulticast, 0));
}

TEST(KeyDerivation, TagsDependOnKeyGroupAndView) {
  const GroupKey key = KeyOf("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const KeyDerivation keys(key, "group");
  EXPECT_NE(keys.group_tag(), KeyDerivation(key, "other").group_tag());
  EXPECT_NE(keys.ViewTag({1, 2}), keys.ViewTag({2, 1}));
  EXPECT_NE(keys.ViewTag({1, 2}), KeyDerivation(key, "other").ViewTag({1, 2}));
  EXPECT_NE(keys.LifelinePsk().identity, KeyDerivation(key, "other").LifelinePsk().identity);
}

}  // namespace
}  // namespace cohort::security
