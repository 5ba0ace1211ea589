using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

public sealed class JsonPatchDocumentTests
{
    [TestCase("""{"a":1}""", """{"a":1}""", "[]")]
    [TestCase("""{"a":1}""", """{"a":2}""", """[{"op":"replace","path":"/a","value":2}]""")]
    [TestCase("""{}""", """{"a":{"b":1}}""", """[{"op":"add","path":"/a","value":{"b":1}}]""")]
    [TestCase("""{"a/b~c":1}""", """{}""", """[{"op":"remove","path":"/a~1b~0c"}]""")]
    [TestCase("""{"a":[{"b":1},{"b":2}]}""", """{"a":[{"b":1},{"b":3}]}""", """[{"op":"replace","path":"/a/1/b","value":3}]""")]
    [TestCase("""{"a":[1]}""", """{"a":[1,2]}""", """[{"op":"replace","path":"/a","value":[1,2]}]""")]
    [TestCase("""{"a":"","b":null,"c":[]}""", """{"status":{},"metadata":{"x":{}}}""", "[]")]
    [TestCase("""{"a":[{}]}""", """{"a":[{"b":{},"c":null,"d":[]}]}""", """[{"op":"add","path":"/a/0/b","value":{}}]""")]
    [TestCase("""{"grpc":{"port":1}}""", """{"grpc":{"port":1,"service":""}}""", """[{"op":"add","path":"/grpc/service","value":""}]""")]
    [TestCase("""{"a":null}""", """{"a":{"b":1}}""", """[{"op":"replace","path":"/a","value":{"b":1}}]""")]
    public void Only_what_means_something_is_patched(string from, string to, string expected) =>
        JsonPatchDocument
            .Between(JsonDocument.Parse(from).RootElement, JsonDocument.Parse(to).RootElement)
            .ToJsonString()
            .Should()
            .Be(expected);
}
