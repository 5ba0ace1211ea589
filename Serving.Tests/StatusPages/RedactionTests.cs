using FluentAssertions;
using NUnit.Framework;
using Serving.StatusPages.Pages;

namespace Serving.Tests.StatusPages;

public sealed class RedactionTests
{
    private const string Secret = "s3cr3tValue";

    [TestCase("tracing-endpoint", "http://user:s3cr3tValue@collector:4318/v1")]
    [TestCase("tracing-endpoint", "https://s3cr3tValue@collector:4318")]
    [TestCase("tracing-endpoint", "http://user:s3cr3t@s3cr3tValue@collector:4318")]
    [TestCase("metrics-endpoint", "https://collector/v1?token=s3cr3tValue&x=1")]
    [TestCase("metrics-endpoint", "https://collector/v1?x=1&api_key=s3cr3tValue")]
    [TestCase("metrics-endpoint", "https://collector/v1?sig=s3cr3tValue")]
    [TestCase("headers", "Authorization: Bearer s3cr3tValue")]
    [TestCase("headers", "x: Basic s3cr3tValue")]
    [TestCase("headers", "x: {\"password\": \"s3cr3tValue\"}")]
    [TestCase("anything", "eyJhbGciOiJI.s3cr3tValue.x")]
    [TestCase("anything", "-----BEGIN RSA PRIVATE KEY-----\ns3cr3tValue\n-----END RSA PRIVATE KEY-----")]
    [TestCase("anything", "-----BEGIN PRIVATE KEY-----\ns3cr3tValue")]
    [TestCase("collector.password", "s3cr3tValue")]
    [TestCase("access-key", "s3cr3tValue")]
    [TestCase("token", "s3cr3tValue")]
    [TestCase("access-token", "s3cr3tValue")]
    [TestCase("client-token", "s3cr3tValue")]
    [TestCase("clientToken", "s3cr3tValue")]
    [TestCase("collector.token.value", "s3cr3tValue")]
    [TestCase("CLIENT_SECRET", "s3cr3tValue")]
    [TestCase("clientSecret", "s3cr3tValue")]
    [TestCase("db-password", "s3cr3tValue")]
    [TestCase("passphrase", "s3cr3tValue")]
    [TestCase("aws.credentials", "s3cr3tValue")]
    [TestCase("apiKey", "s3cr3tValue")]
    [TestCase("API_KEY", "s3cr3tValue")]
    [TestCase("privateKey", "s3cr3tValue")]
    [TestCase("private_key", "s3cr3tValue")]
    [TestCase("signing-key", "s3cr3tValue")]
    [TestCase("Authorization", "s3cr3tValue")]
    [TestCase("args", "--client-token=s3cr3tValue")]
    [TestCase("args", "private-key: s3cr3tValue")]
    public void Hides_what_looks_like_a_secret(string key, string value) =>
        Redaction.Apply(key, value).Should().Contain(Redaction.Hidden).And.NotContain(Secret);

    [TestCase("tracing-endpoint", "http://collector:4318/v1/traces")]
    [TestCase("queue-sidecar-token-audiences", "one, two")]
    [TestCase("queue-sidecar-image", "ghcr.io/knative/queue@sha256:abc")]
    [TestCase("domain-template", "{{.Name}}.{{.Namespace}}.{{.Domain}}")]
    [TestCase("stable-window", "1m0s")]
    [TestCase("secret-name", "routing-serving-certs")]
    [TestCase("token-file", "/var/run/secrets/token")]
    [TestCase("tokenizer", "bpe")]
    [TestCase("key", "value")]
    [TestCase("partition-key", "region")]
    [TestCase("--metrics-auth", "true")]
    [TestCase("--kubeconfig", "/home/me/.kube/config")]
    public void Leaves_the_rest(string key, string value) => Redaction.Apply(key, value).Should().Be(value);

    [Test]
    public void Cuts_a_long_value_and_says_how_long_it_is() =>
        Redaction
            .Apply("x", new string('a', 5000))
            .Should()
            .HaveLength(Redaction.MostCharacters + "… (5000 characters)".Length)
            .And.EndWith("… (5000 characters)");
}
