using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Networking.Layers;

namespace Serving.Tests.Networking.Layers;

public sealed class IngressHashTests
{
    [Test]
    public void Equals_what_Knative_computes_for_a_rule_without_headers() =>
        IngressHash.Compute(Ingress([])).Should().Be("a25000a350642c8abef53078b329bd043e18758f6063c1172d53b04e14fcf5c1");

    [Test]
    public void Equals_what_Knative_computes_for_a_rule_with_headers() =>
        IngressHash
            .Compute(Ingress(new() { ["Foo"] = "bar" }))
            .Should()
            .Be("6b652c7abed871354affd4a9cb699d33816f24541fac942149b91ad872fe63ca");

    [Test]
    public void Writes_fields_in_the_order_of_declaration_keys_sorted_and_html_escaped()
    {
        var spec = new IngressSpec
        {
            HttpOption = "Enabled",
            Tls =
            [
                new IngressTls
                {
                    Hosts = ["a.b"],
                    SecretName = "s",
                    SecretNamespace = "n",
                },
            ],
            Rules =
            [
                new IngressRule
                {
                    Hosts = ["a.b"],
                    Visibility = "ExternalIP",
                    Http = new HttpIngressRuleValue
                    {
                        Paths =
                        [
                            new HttpIngressPath
                            {
                                Path = "/<&>",
                                RewriteHost = "c",
                                Headers = new Dictionary<string, HeaderMatch> { ["T"] = new() { Exact = "\u2028\"\\\n\u0001é" } },
                                Splits =
                                [
                                    new IngressBackendSplit
                                    {
                                        ServiceNamespace = "n",
                                        ServiceName = "s",
                                        ServicePort = "http",
                                        Percent = 100,
                                    },
                                ],
                                AppendHeaders = new Dictionary<string, string> { ["b"] = "2", ["B"] = "1" },
                            },
                        ],
                    },
                },
            ],
        };

        IngressHash
            .Serialize(spec)
            .ToString()
            .Should()
            .Be(
                """{"tls":[{"hosts":["a.b"],"secretName":"s","secretNamespace":"n"}],"rules":[{"hosts":["a.b"],"visibility":"ExternalIP","http":{"paths":[{"path":"/\u003c\u0026\u003e","rewriteHost":"c","headers":{"T":{"exact":"\u2028\"\\\n\u0001é"}},"splits":[{"serviceNamespace":"n","serviceName":"s","servicePort":"http","percent":100}],"appendHeaders":{"B":"1","b":"2"}}]}}],"httpOption":"Enabled"}"""
            );
    }

    [Test]
    public void Differs_by_namespace_and_name()
    {
        var one = Ingress([]) with
        {
            Metadata = new ObjectMeta { Namespace = "a", Name = "b" },
        };
        var other = Ingress([]) with
        {
            Metadata = new ObjectMeta { Namespace = "a", Name = "c" },
        };

        IngressHash.Compute(one).Should().NotBe(IngressHash.Compute(other));
    }

    [Test]
    public void Lone_surrogates_do_not_fail() =>
        Encoding.UTF8.GetByteCount(IngressHash.Serialize(new IngressSpec { HttpOption = "\ud800" }).ToString()).Should().BePositive();

    private static Ingress Ingress(Dictionary<string, string> splitHeaders) =>
        new()
        {
            Spec = new IngressSpec
            {
                Rules =
                [
                    new IngressRule
                    {
                        Hosts = ["example.com"],
                        Http = new HttpIngressRuleValue
                        {
                            Paths =
                            [
                                new HttpIngressPath
                                {
                                    Splits = [new IngressBackendSplit { ServiceName = "blah", AppendHeaders = splitHeaders }],
                                },
                            ],
                        },
                    },
                ],
            },
        };
}
