using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.LocalCluster.ApiServer.Tables;

namespace Serving.Tests.LocalCluster.ApiServer;

public sealed class JsonPathTests
{
    private const string Document = """
        {"metadata":{"labels":{"serving.knative.dev/configurationGeneration":"3","a'b":"4"}},"status":{"conditions":[{"type":"Other","status":"False"},{"type":"Ready","status":"True"}]}}
        """;

    [TestCase(@".metadata.labels['serving\.knative\.dev/configurationGeneration']", "3")]
    [TestCase(".metadata.labels['serving.knative.dev/configurationGeneration']", "3")]
    [TestCase(@".metadata.labels.serving\.knative\.dev/configurationGeneration", "3")]
    [TestCase(".metadata.labels[\"a'b\"]", "4")]
    [TestCase(".status.conditions[?(@.type=='Ready')].status", "True")]
    [TestCase(".status.conditions[0].type", "Other")]
    public void Finds_what_printer_columns_show(string path, string expected) =>
        JsonPath.Parse(path).Find(JsonNode.Parse(Document)!).Select(n => n!.GetValue<string>()).Should().Equal(expected);
}
