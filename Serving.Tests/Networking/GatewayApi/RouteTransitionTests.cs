using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Networking.GatewayApi.Makers;
using Serving.Networking.Layers;
using static Serving.Tests.Networking.GatewayApi.GatewayApiWorld;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>The stages between two versions of an Ingress.</summary>
public sealed class RouteTransitionTests
{
    private const string Path = "/.well-known/knative/revision/default/";
    private static readonly IReadOnlyList<HttpRouteRule> None = [];

    [Test]
    public void A_rule_without_routes_gets_what_it_wants_at_once()
    {
        var step = Next([Change(None, "one", hash: "h1")], "h1");

        step.IsLast.Should().BeTrue();
        step.Version.Should().Be("h1");
        Show(step.Rules[0]).Should().Equal("/ probe h1 -> one", "/ -> one");
    }

    [Test]
    public void The_same_backends_need_no_stages()
    {
        var step = Next([Change(Rules("one", "h1"), "one", hash: "h2")], "h2");

        step.IsLast.Should().BeTrue();
        Show(step.Rules[0]).Should().Equal("/ probe h2 -> one", "/ -> one");
    }

    [Test]
    public void A_new_backend_is_probed_beside_the_old_rules_then_beside_the_new_ones_and_then_no_more()
    {
        var first = Next([Change(Rules("one", "h1"), "two", hash: "h2")], "h2");
        Show(first.Rules[0])
            .Should()
            .Equal("/ probe ep-h2 -> one", "/ -> one", $"{Path}two probe ep-h2 -> two", $"{Path}one probe ep-h2 -> one");
        first.IsLast.Should().BeFalse();

        var waiting = Next([Change(first.Rules[0], "two", hash: "h2")], "h2");
        Show(waiting.Rules[0]).Should().Equal(Show(first.Rules[0]));

        var second = Next([Change(first.Rules[0], "two", hash: "h2")], "h2", "ep-h2");
        Show(second.Rules[0])
            .Should()
            .Equal("/ probe tr-h2 -> two", "/ -> two", $"{Path}two probe tr-h2 -> two", $"{Path}one probe tr-h2 -> one");
        second.IsLast.Should().BeFalse();

        var stays = Next([Change(second.Rules[0], "two", hash: "h2")], "h2");
        Show(stays.Rules[0]).Should().Equal(Show(second.Rules[0]));

        var last = Next([Change(second.Rules[0], "two", hash: "h2")], "h2", "tr-h2");
        Show(last.Rules[0]).Should().Equal("/ probe h2 -> two", "/ -> two");
        last.IsLast.Should().BeTrue();
    }

    [Test]
    public void A_version_that_replaces_one_on_its_way_begins_again()
    {
        var first = Next([Change(Rules("one", "h1"), "two", hash: "h2")], "h2");

        var other = Next([Change(first.Rules[0], "three", hash: "h3")], "h3", "ep-h2");

        Show(other.Rules[0])
            .Should()
            .Equal("/ probe ep-h3 -> one", "/ -> one", $"{Path}three probe ep-h3 -> three", $"{Path}one probe ep-h3 -> one");
    }

    [Test]
    public void Going_back_while_the_new_backend_is_probed_needs_no_stages()
    {
        var first = Next([Change(Rules("one", "h1"), "two", hash: "h2")], "h2");

        var back = Next([Change(first.Rules[0], "one", hash: "h1")], "h1");

        Show(back.Rules[0]).Should().Equal("/ probe h1 -> one", "/ -> one");
        back.IsLast.Should().BeTrue();
    }

    [Test]
    public void All_rules_of_an_Ingress_move_together()
    {
        var step = Next([Change(Rules("one", "h1"), "two", hash: "h2"), Change(Rules("tag", "h1"), "tag", hash: "h2")], "h2");
        step.Rules.Select(Show).Last().Should().Equal("/ probe ep-h2 -> tag", "/ -> tag");

        var second = Next([Change(step.Rules[0], "two", hash: "h2"), Change(step.Rules[1], "tag", hash: "h2")], "h2", "ep-h2");

        second.Version.Should().Be("tr-h2");
        Show(second.Rules[1]).Should().Equal("/ probe tr-h2 -> tag", "/ -> tag");
    }

    [Test]
    public void A_step_whose_writes_were_interrupted_is_finished_first()
    {
        var first = Next([Change(Rules("one", "h1"), "two", hash: "h2"), Change(Rules("a", "h1"), "b", hash: "h2")], "h2");
        var second = Next([Change(first.Rules[0], "two", hash: "h2"), Change(first.Rules[1], "b", hash: "h2")], "h2", "ep-h2");

        var resumed = Next([Change(second.Rules[0], "two", hash: "h2"), Change(first.Rules[1], "b", hash: "h2")], "h2");

        resumed.Rules.Select(Show).Should().BeEquivalentTo(second.Rules.Select(Show));
        resumed.Version.Should().Be("tr-h2");
    }

    [Test]
    public void A_backend_keeps_its_headers_in_its_probe()
    {
        var step = Next([Change(Rules("one", "h1"), "two", hash: "h2")], "h2");

        step.Rules[0]
            .Where(RuleProbes.IsOfBackend)
            .SelectMany(static rule => rule.BackendRefs)
            .Should()
            .OnlyContain(static backend =>
                backend.Weight == 100 && backend.Filters.Single().RequestHeaderModifier!.Set.Single().Value == backend.Name
            );
    }

    private static RouteStep Next(IReadOnlyList<RuleChange> changes, string hash, params string[] routed) =>
        RouteTransition.Next(GatewayApiWorld.Namespace, changes, hash, routed.Contains);

    private static RuleChange Change(IReadOnlyList<HttpRouteRule> current, string service, string hash) =>
        new(current, Rules(service, hash), To((service, 100)).Splits);

    private static IReadOnlyList<HttpRouteRule> Rules(string service, string hash)
    {
        var ingress = new Ingress
        {
            Spec = new IngressSpec { Rules = [Rule(IngressVisibility.External, ["a.example.com"], To((service, 100)))] },
        };
        return RuleMaker.Make(
            GatewayApiWorld.Namespace,
            ProbeRoutes.Insert(ingress, hash).Spec.Rules[0],
            GatewayApiConfig.Default.ExternalGateway
        );
    }

    private static IEnumerable<string> Show(IReadOnlyList<HttpRouteRule> rules) =>
        rules.Select(static rule =>
            $"{rule.Matches[0].Path!.Value}{(RuleProbes.VersionOf([rule]) is { } version ? $" probe {version}" : "")}"
            + $" -> {string.Join(",", rule.BackendRefs.Select(static backend => backend.Name))}"
        );
}
