using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.LocalCluster.ApiServer.Patches;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.Tests.LocalCluster.ApiServer;

[TestFixture]
internal sealed class PatchTests
{
    private static readonly Schema Pod = BuiltInSchemas.Instance["core.v1.Pod"];

    [Test]
    public void Strategic_merge_merges_lists_by_key()
    {
        var pod = Parse("""{"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}}""");
        var result = StrategicMergePatch.Apply(pod, Parse("""{"spec":{"containers":[{"name":"b","image":"3"},{"name":"c"}]}}"""), Pod);
        Same(result, """{"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"3"},{"name":"c"}]}}""");
    }

    [Test]
    public void Strategic_merge_obeys_directives()
    {
        var pod = Parse(
            """{"metadata":{"finalizers":["a","b"]},"spec":{"volumes":[{"name":"v","emptyDir":{}},{"name":"w"}],"nodeSelector":{"x":"y"}}}"""
        );
        var patch = Parse(
            """
            {"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]},
             "spec":{"$setElementOrder/volumes":[{"name":"w"},{"name":"v"}],"volumes":[{"$retainKeys":["name","secret"],"name":"v","secret":{}}],"nodeSelector":{"$patch":"replace","z":"1"}}}
            """
        );
        Same(
            StrategicMergePatch.Apply(pod, patch, Pod),
            """{"metadata":{"finalizers":["b"]},"spec":{"volumes":[{"name":"w"},{"name":"v","secret":{}}],"nodeSelector":{"z":"1"}}}"""
        );
    }

    [Test]
    public void Strategic_merge_deletes_items()
    {
        var pod = Parse("""{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}""");
        Same(
            StrategicMergePatch.Apply(pod, Parse("""{"spec":{"containers":[{"name":"a","$patch":"delete"}]}}"""), Pod),
            """{"spec":{"containers":[{"name":"b"}]}}"""
        );
    }

    [TestCase("""[{"op":"add","path":"/a/-","value":3}]""", """{"a":[1,2,3]}""")]
    [TestCase("""[{"op":"remove","path":"/a/0"}]""", """{"a":[2]}""")]
    [TestCase("""[{"op":"test","path":"/a/0","value":1},{"op":"move","from":"/a","path":"/b~1c"}]""", """{"b/c":[1,2]}""")]
    public void Json_patch_does_what_it_says(string patch, string result) =>
        Same(JsonPatch.Apply(Parse("""{"a":[1,2]}"""), (JsonArray)JsonNode.Parse(patch)!)!, result);

    [Test]
    public void Merge_patch_removes_nulls() =>
        Same(MergePatch.Apply(Parse("""{"a":{"b":1,"c":2}}"""), Parse("""{"a":{"b":null,"d":{"e":null}}}""")), """{"a":{"c":2,"d":{}}}""");

    private static JsonObject Parse(string json) => (JsonObject)JsonNode.Parse(json)!;

    private static void Same(JsonNode actual, string expected) =>
        JsonNode.DeepEquals(actual, JsonNode.Parse(expected)).Should().BeTrue("{0} should be {1}", actual.ToJsonString(), expected);
}
