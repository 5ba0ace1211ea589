using System.Net.Http.Headers;
using System.Text;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.ApiServer;

[TestFixture]
internal sealed class UnicodeTests
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";

    private RunningServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await RunningServer.StartAsync();
        await _server.PostAsync(
            "/api/v1/namespaces/default/serviceaccounts",
            """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"default"}}"""
        );
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("POST", Maps, "application/json")]
    [TestCase("POST", Maps, "application/yaml")]
    [TestCase("PATCH", Maps + "/m?fieldManager=x", "application/apply-patch+yaml")]
    [TestCase("PATCH", Maps + "/kube-root-ca.crt", "application/merge-patch+json")]
    [TestCase("PATCH", Maps + "/kube-root-ca.crt", "application/json-patch+json")]
    [TestCase("PATCH", Maps + "/kube-root-ca.crt", "application/strategic-merge-patch+json")]
    [TestCase("DELETE", Maps + "/m", "application/json")]
    [TestCase("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "application/json")]
    [TestCase("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", "application/json")]
    public async Task A_body_that_is_no_UTF_8_is_a_bad_request(string method, string path, string type)
    {
        byte[] body = [.. """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":" """u8, 0xff, .. "\"}}"u8];
        var (code, text) = await SendAsync(method, path, type, body);
        code.Should().Be(400, text);
        text.Should().Contain("UTF-8").And.Contain("BadRequest");
    }

    [TestCase(@"{""apiVersion"":""v1"",""kind"":""ConfigMap"",""metadata"":{""name"":""m""},""data"":{""a"":""\ud800""}}")]
    [TestCase(@"{""apiVersion"":""v1"",""kind"":""ConfigMap"",""metadata"":{""name"":""m""},""data"":{""\udc00"":""a""}}")]
    public async Task Half_of_a_surrogate_pair_is_a_bad_request(string body)
    {
        var (code, text) = await SendAsync("POST", Maps, "application/json", Encoding.UTF8.GetBytes(body));
        code.Should().Be(400, text);
    }

    private async Task<(int Code, string Text)> SendAsync(string method, string path, string type, byte[] body)
    {
        using var message = new HttpRequestMessage(new HttpMethod(method), path) { Content = new ByteArrayContent(body) };
        message.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        using var response = await _server.Client.SendAsync(message);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
