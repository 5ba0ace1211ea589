using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Networking;

namespace Serving.Tests.Api;

public sealed class HostNamesTests
{
    [Test]
    public void A_cluster_local_host_has_two_shorter_names() =>
        HostNames
            .Expand(["hello.default.svc.cluster.local"], "cluster.local")
            .Should()
            .Equal("hello.default", "hello.default.svc", "hello.default.svc.cluster.local");

    [Test]
    public void Any_other_host_has_none_and_each_is_named_once() =>
        HostNames
            .Expand(["b.example.com", "a.example.com", "b.example.com"], "cluster.local")
            .Should()
            .Equal("a.example.com", "b.example.com");

    [Test]
    public void The_domain_of_the_cluster_counts() =>
        HostNames
            .Expand(["hello.default.svc.cluster.local", "hello.default.svc.corp.internal"], "corp.internal")
            .Should()
            .Equal("hello.default", "hello.default.svc", "hello.default.svc.cluster.local", "hello.default.svc.corp.internal");

    [TestCase("hello.123.svc.cluster.local", ExpectedResult = "hello.123.svc,hello.123.svc.cluster.local")]
    [TestCase("hello.1-2.svc.cluster.local", ExpectedResult = "hello.1-2,hello.1-2.svc,hello.1-2.svc.cluster.local")]
    public string A_name_that_ends_in_digits_is_left_out(string host) => string.Join(',', HostNames.Expand([host], "cluster.local"));

    [Test]
    public void A_name_whose_last_label_is_too_long_is_left_out()
    {
        var label = new string('n', 64);

        HostNames.Expand([$"hello.{label}.svc.cluster.local"], "cluster.local").Should().NotContain($"hello.{label}");
    }
}
